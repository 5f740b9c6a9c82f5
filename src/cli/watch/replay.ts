/** `sallyport watch replay`: what rules would have found in the records of a time. */
import { readFileSync } from 'node:fs'
import { decodeYaml, rulesFrom, type WatchRules, watchRulesSchema } from '../../config/index.ts'
import { readAudit } from '../../records/index.ts'
import { replay, replayedTypes } from '../../watcher/index.ts'
import { type LogFlags, requireLog } from '../audit/index.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'

export interface ReplayFlags extends LogFlags {
  /** Milliseconds since the epoch. */
  readonly from?: number
  readonly to?: number
  readonly rules?: string
  readonly integration?: string
  readonly json?: boolean
}

const dayMs = 86_400_000

/** A line per finding, and one that sums them up. Throws `CommandError` where there is no log, or the rules are none. */
export async function* replayFindings({
  config,
  folder,
  rules: file,
  integration,
  json = false,
  ...flags
}: ReplayFlags): AsyncGenerator<string> {
  const { from = Date.now() - dayMs, to = Date.now() } = flags
  if (to <= from) throw new CommandError('--to is not later than --from', exitCodes.usage)
  const found = folder === undefined ? findConfig(config) : null
  const place = folder ?? found?.audit.folder ?? ''
  const rules = file === undefined ? (found?.watch?.rules ?? rulesFrom()) : rulesIn(file)
  const counts = new Map<string, number>()
  const findings = replay({
    records: readAudit(place, replayedTypes),
    rules,
    rulesFor: file === undefined ? (found?.watch?.rulesFor ?? {}) : {},
    timeZone: found?.watch?.timeZone ?? 'UTC',
    from,
    to,
  })
  for (;;) {
    const { value, done } = await requireLog(place, () => findings.next())
    if (done === true) break
    if (integration !== undefined && value.integration !== integration) continue
    counts.set(value.rule, (counts.get(value.rule) ?? 0) + 1)
    const { at, severity, rule, title } = value
    const time = new Date(at).toISOString()
    yield json
      ? JSON.stringify({ time, ...value })
      : [time, severity, rule, value.integration ?? '-', value.destination ?? '-', title].join('  ')
  }
  if (json) return
  const sums = [...counts].map(([rule, count]) => `${rule} ${count}`).join(', ')
  yield `${new Date(from).toISOString()} to ${new Date(to).toISOString()}: ${sums === '' ? 'nothing would have been found' : sums}`
}

function rulesIn(file: string): WatchRules {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`, exitCodes.noInput)
  }
  return rulesFrom(decodeYaml({ file, text }, watchRulesSchema))
}
