/** Recorded requests judged again, each by what the log holds of it. */
import type { Decision } from '../core/index.ts'
import {
  type DecidedRecord,
  type Find,
  type PolicyStation,
  type RecordedRequest,
  requestOf,
  sayWithout,
  type Undecided,
  type UnseenPart,
  visibleOf,
} from '../policy/index.ts'
/** What a policy decides about a request, whatever the parts are that a record does not contain. */
export type DecideRecorded = (recorded: RecordedRequest) => Decision | Undecided

export function isUndecided(said: object): said is Undecided {
  return 'dependsOn' in said
}

/** By the policy that is active there. */
export function createDecideRecorded(policy: PolicyStation): DecideRecorded {
  // The lists are always the same for one kind of request, and so are the parts of them that can be seen.
  const visible = new Map<string, readonly UnseenPart[]>()
  const policyReads = policy.policyReads()
  return ({ request, claim, unseen }) => {
    const key = unseen.map(({ path, isOptional }) => `${path.join('.')}${isOptional}`).join()
    const parts = visible.get(key) ?? visibleOf(unseen, policyReads)
    visible.set(key, parts)
    return sayWithout(parts, (unread) => {
      const decision = policy.decideWithout(request, claim, unread)
      return decision instanceof Error ? `the answer of ${decision.builtin}` : decision
    })
  }
}

export interface RecordedDifference {
  readonly record: DecidedRecord
  readonly decision: Decision
}

export interface Replayed {
  readonly decisions: number
  /** How many were not judged, by what that depends on: the log does not hold it. */
  readonly leftOut: Readonly<Record<string, number>>
  readonly differences: readonly RecordedDifference[]
}

/** Differences are reported where the answer changed. */
export async function replay(
  records: AsyncIterable<DecidedRecord>,
  decide: DecideRecorded,
  find: Find,
  afterEach: () => Promise<void> = async () => {},
): Promise<Replayed> {
  let decisions = 0
  const leftOut: Record<string, number> = {}
  const differences: RecordedDifference[] = []
  for await (const record of records) {
    const decision = decide(requestOf(record, find))
    if (isUndecided(decision)) {
      const cause = decision.dependsOn.join(', ')
      leftOut[cause] = (leftOut[cause] ?? 0) + 1
      continue
    }
    decisions += 1
    if (decision.allow !== record.allow) differences.push({ record, decision })
    await afterEach()
  }
  return { decisions, leftOut, differences }
}
