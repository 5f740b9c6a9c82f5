/** Why a recorded request was decided as it was, what would decide it otherwise, and how it would be decided now. */
import { type Decision, type Integration, type JsonObject, suggestion } from '../../core/index.ts'
import type { Compile } from '../compiler/index.ts'
import { indexManifest } from '../index-manifests.ts'
import type { RegoSources } from '../rego-files.ts'
import { type Decide, type DecidedRecord, requestOf } from './recorded.ts'
import { evalPolicy } from './toolchain.ts'

export interface Explanation {
  readonly record: DecidedRecord
  /** As the manifests and rules are on disk now. */
  readonly now: Decision
  /** The lines of authors' rules that held, `file:row`. */
  readonly lines: readonly string[]
  /** What the manifest would have to say, where a denial is the default's: `null` where no manifest can change it. */
  readonly change: JsonObject | null
}

export interface ExplainOptions {
  readonly compile: Compile
  readonly rules: RegoSources
  readonly decide: Decide
  readonly find: (name: string) => Integration | undefined
}

export async function explainRecord(record: DecidedRecord, { compile, rules, decide, find }: ExplainOptions): Promise<Explanation> {
  const { request, claim } = requestOf(record, find)
  const integration = find(record.integration)
  const lines = Object.keys(rules).length === 0 ? [] : await linesThatHeld()
  const change = record.allow || !record.rule.startsWith('default/') ? null : suggestion(request)
  return { record, now: decide(request, claim), lines, change }

  async function linesThatHeld(): Promise<readonly string[]> {
    const { id, time, door, kind, action, identity } = record
    const input = {
      version: 1,
      integration: { name: record.integration, labels: integration?.labels ?? {}, identity },
      request: { id, time, door, kind, action },
      [kind]: claim.facts,
    }
    const { trace } = await evalPolicy(compile, {
      sources: rules,
      query: 'data.sallyport.rules',
      data: { integrations: integration === undefined ? {} : { [integration.name]: indexManifest(integration) } },
      input: JSON.stringify(input),
      explain: true,
    })
    const held = (trace ?? []).filter(
      ({ op, node, file }) =>
        op === 'Exit' && Object.hasOwn(rules, file) && /^data\.sallyport\.rules\.(?:deny|allow|obligations)\b/.test(node),
    )
    return [...new Set(held.map(({ file, row }) => `${file}:${row}`))]
  }
}
