/** `sallyport policy replay`: recorded requests judged again, by a kept revision or what lies on disk. */

import { type RecordedDifference, replay } from '../../authoring/index.ts'
import type { Config } from '../../config/index.ts'
import { createRedactor } from '../../redact/index.ts'
import { createEveryReference, describeCompared, type EveryReference } from '../../reference/index.ts'
import { CommandError } from '../exit.ts'
import { decided, type LogFilter } from './log.ts'
import { type OfflinePolicy, withOfflinePolicy } from './offline-policy.ts'
import { readNamedSet } from './policy-sources.ts'

export interface ReplayFlags extends LogFilter {
  /** A revision, `active` or `latest`. */
  readonly against: string
  /** These instead, with `latest`. */
  readonly rules?: string
  readonly integrations?: string
  readonly json?: boolean
  /** OPA's own SDK is asked, too. */
  readonly reference?: boolean
}

export async function replayLog(
  config: Config,
  { against, rules, integrations, json = false, reference = false, ...filter }: ReplayFlags,
): Promise<{ text: string; differs: boolean }> {
  const other: Config = {
    ...config,
    integrationsFolder: integrations ?? config.integrationsFolder,
    policy: { ...config.policy, rulesFolder: rules ?? config.policy.rulesFolder },
  }
  const set = await readNamedSet(other, against)
  const every = reference ? createEveryReference(createRedactor(config.secrets)) : null
  try {
    return await withOfflinePolicy(config, set, (offline) => replayAll({ config, filter, name: set.name, json, every }, offline), every)
  } finally {
    every?.reference.close()
  }
}

interface Replay {
  readonly config: Config
  readonly filter: LogFilter
  readonly name: string
  readonly json: boolean
  readonly every: EveryReference | null
}

async function replayAll({ config, filter, name, json, every }: Replay, { decide, find }: OfflinePolicy) {
  const startedAt = performance.now()
  const afterEach = every === null ? undefined : () => every.compare()
  const { decisions, leftOut, differences } = await replay(decided(config, filter), decide, find, afterEach)
  await every?.compare(true)
  const seconds = (performance.now() - startedAt) / 1000
  const reference = every?.result()
  const differs = differences.length > 0 || (reference?.differences.length ?? 0) > 0
  const skipped = Object.values(leftOut).reduce((sum, count) => sum + count, 0)
  if (decisions === 0 && skipped > 0) throw new CommandError(`none of the recorded requests can be judged: ${describeLeftOut(leftOut)}`)
  if (json) return { text: `${JSON.stringify({ against: name, decisions, skipped, leftOut, seconds, differences, reference })}\n`, differs }
  const left = skipped === 0 ? '' : `; not judged: ${describeLeftOut(leftOut)}`
  const summary = `${decisions} decisions against ${name} in ${seconds.toFixed(2)} s (${Math.round(decisions / seconds)} per second), ${differences.length} differ${left}\n`
  return { text: differences.map(describe).join('') + summary + (reference === undefined ? '' : describeReference(reference)), differs }
}

function describeLeftOut(leftOut: Readonly<Record<string, number>>): string {
  const causes = Object.entries(leftOut).map(([cause, count]) => `${count} that depend${count === 1 ? 's' : ''} on ${cause}`)
  return `${causes.join(', ')}, which the log does not record in full`
}

function describeReference(result: ReturnType<EveryReference['result']>): string {
  const lines = result.differences.map(
    ({ id, integration, gateway, sdk, input }) => `${id} ${integration}: the gateway ${gateway}, OPA's SDK ${sdk}, asked ${input}\n`,
  )
  return `${lines.join('')}OPA's SDK: ${describeCompared(result)}, ${result.differences.length} differ\n`
}

function describe({ record, decision }: RecordedDifference): string {
  const { time, id, integration, kind, subject } = record
  return `${time} ${id} ${integration} ${kind} ${JSON.stringify(subject)}: ${describeDecision(record)} → ${describeDecision(decision)}${decision.reasons.length === 0 ? '' : ` (${decision.reasons.join('; ')})`}\n`
}

function describeDecision({ allow, rule }: { readonly allow: boolean; readonly rule: string }): string {
  return `${allow ? 'allowed' : 'denied'} by ${rule}`
}
