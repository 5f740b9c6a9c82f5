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
/** What a policy decides of a request whatever stands in what no record holds of it. */
export type DecideRecorded = (recorded: RecordedRequest) => Decision | Undecided

export function isUndecided(said: object): said is Undecided {
  return 'dependsOn' in said
}

/** By the policy that is active there. */
export function createDecideRecorded(policy: PolicyStation): DecideRecorded {
  // Lists are ever the same for one kind of request, and so is what can be seen of them.
  const visible = new Map<string, readonly UnseenPart[]>()
  const sight = policy.sight()
  return ({ request, claim, unseen }) => {
    const key = unseen.map(({ path, isOptional }) => `${path.join('.')}${isOptional}`).join()
    const parts = visible.get(key) ?? visibleOf(unseen, sight)
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

/** Differences are told where the answer changed. */
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
