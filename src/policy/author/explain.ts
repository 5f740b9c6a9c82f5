/** Why a recorded request was decided as it was, and how it would be decided now. */
import type { Decision, Integration } from '../../core/index.ts'
import type { Compile } from '../compiler/index.ts'
import { type BundleSet, type Composed, compose } from '../compose.ts'
import { indexManifest } from '../index-manifests.ts'
import type { RegoSources } from '../rego-files.ts'
import { type Decide, type DecidedRecord, type Find, requestOf } from './recorded.ts'
import { evalPolicy } from './toolchain.ts'

/** An author's rule that held. */
export interface HeldRule {
  readonly rule: 'deny' | 'allow' | 'obligations'
  readonly file: string
  readonly row: number
}

export interface Explanation {
  readonly record: DecidedRecord
  /** As the manifests and rules are on disk now. */
  readonly now: Decision
  readonly held: readonly HeldRule[]
  /** Of the rules on disk, where these decide now. */
  readonly heldNow: readonly HeldRule[]
}

export interface ExplainOptions {
  readonly compile: Compile
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grants: readonly string[]
  /** Of the revision that decided, where it is kept. */
  readonly recorded: { readonly rules: RegoSources; readonly bundles: BundleSet; readonly find: Find }
  readonly now: { readonly decide: Decide; readonly find: Find; readonly rules: RegoSources; readonly bundles: BundleSet }
}

export async function explainRecord(record: DecidedRecord, options: ExplainOptions): Promise<Explanation> {
  const { recorded, now } = options
  const { request, claim } = requestOf(record, now.find)
  const decision = now.decide(request, claim)
  const held = await rulesThatHeld(record, compose(recorded.rules, recorded.bundles), recorded.find(record.integration), options)
  const heldNow = decision.rule.startsWith('rules/')
    ? await rulesThatHeld(record, compose(now.rules, now.bundles), now.find(record.integration), options)
    : []
  return { record, now: decision, held, heldNow }
}

/** As far as they look at what the log holds. */
async function rulesThatHeld(
  record: DecidedRecord,
  { deciding: rules, data }: Pick<Composed, 'deciding' | 'data'>,
  integration: Integration | undefined,
  { compile, grants }: Pick<ExplainOptions, 'compile' | 'grants'>,
): Promise<readonly HeldRule[]> {
  if (Object.keys(rules).length === 0) return []
  const { id, time, door, kind, action, identity } = record
  const { claim } = requestOf(record, () => integration)
  const input = {
    version: 1,
    integration: { name: record.integration, labels: integration?.labels ?? {}, identity },
    request: { id, time, door, kind, action },
    [kind]: claim.facts,
  }
  const { trace } = await evalPolicy(compile, {
    sources: rules,
    query: 'data.sallyport.rules',
    data: { ...data, integrations: integration === undefined ? {} : { [integration.name]: indexManifest(integration) } },
    input: JSON.stringify(input),
    explain: true,
    grants,
  })
  const held = new Map<string, HeldRule>()
  for (const { op, node, file, row } of trace ?? []) {
    const rule = /^data\.sallyport\.rules\.(deny|allow|obligations)\b/.exec(node)?.[1] as HeldRule['rule'] | undefined
    if (op === 'Exit' && rule !== undefined && Object.hasOwn(rules, file)) held.set(`${file}:${row}`, { rule, file, row })
  }
  return [...held.values()]
}
