/** `sallyport policy replay`: recorded requests judged again, by a kept revision or what lies on disk. */
import type { Config } from '../../config/index.ts'
import { type RecordedDifference, replay } from '../../policy/author/index.ts'
import { CommandError } from '../exit.ts'
import { withJudge } from './judge.ts'
import { decided, type LogFilter } from './log.ts'
import { readNamedSet } from './named-set.ts'

export interface ReplayFlags extends LogFilter {
  /** A revision, `active` or `latest`. */
  readonly against: string
  /** These instead, with `latest`. */
  readonly rules?: string
  readonly integrations?: string
  readonly json?: boolean
}

export async function replayLog(
  config: Config,
  { against, rules, integrations, json = false, ...filter }: ReplayFlags,
): Promise<{ text: string; differs: boolean }> {
  const other: Config = {
    ...config,
    integrationsFolder: integrations ?? config.integrationsFolder,
    policy: { ...config.policy, rulesFolder: rules ?? config.policy.rulesFolder },
  }
  const set = await readNamedSet(other, against)
  return withJudge(config, set, async ({ decide, find, unrecorded }) => {
    if (unrecorded.length > 0)
      throw new CommandError(
        `these rules look at ${unrecorded.join(', ')}, which the log does not hold, so they cannot be replayed from it`,
      )
    const startedAt = performance.now()
    const { decisions, skipped, differences } = await replay(decided(config, filter), decide, find)
    const seconds = (performance.now() - startedAt) / 1000
    const differs = differences.length > 0
    if (json) return { text: `${JSON.stringify({ against: set.name, decisions, skipped, seconds, differences })}\n`, differs }
    const left = skipped === 0 ? '' : `, ${skipped} not judged (cut or masked in the log)`
    const summary = `${decisions} decisions against ${set.name} in ${seconds.toFixed(2)} s (${Math.round(decisions / seconds)} a second), ${differences.length} differ${left}\n`
    return { text: differences.map(describe).join('') + summary, differs }
  })
}

function describe({ record, decision }: RecordedDifference): string {
  const { time, id, integration, kind, subject } = record
  return `${time} ${id} ${integration} ${kind} ${JSON.stringify(subject)}: ${told(record)} → ${told(decision)}${decision.reasons.length === 0 ? '' : ` (${decision.reasons.join('; ')})`}\n`
}

function told({ allow, rule }: { readonly allow: boolean; readonly rule: string }): string {
  return `${allow ? 'allowed' : 'denied'} by ${rule}`
}
