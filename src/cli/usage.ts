/** `sallyport usage`: the totals of the running gateway, or its windows of time, as a table, JSON or CSV. */
import { InvalidArgumentError } from 'commander'
import type { Config } from '../config/index.ts'
import { bucketNames } from '../core/index.ts'
import { visibleText } from '../text/index.ts'
import { formatUsage, type IntegrationUsage } from '../usage/index.ts'
import { type UsageRow, type UsageSeries, type UsageWindow, usageCounts, windowBehind, windowSettings } from '../watch/index.ts'
import { ask } from './admin-client.ts'
import { csvLine } from './audit/index.ts'
import { CommandError, exitCodes } from './exit.ts'
import { parseSince } from './parse-since.ts'
import { formatWindows } from './usage-windows.ts'

export interface UsageFlags {
  readonly window?: UsageWindow
  readonly integration?: string
  readonly since?: string
  readonly until?: string
  readonly format: 'table' | 'json' | 'csv'
  readonly json?: boolean
}

type Print = (text: string) => void

/** Throws `CommandError`, which says what to do where the gateway does not watch. */
export async function printUsage(config: Config, flags: UsageFlags, print: Print): Promise<void> {
  if (flags.window !== undefined) return printWindows(config, flags.window, flags, print)
  if (flags.since !== undefined || flags.until !== undefined)
    throw new CommandError('--since and --until go with --window: without it, usage is since the beginning', exitCodes.usage)
  const all = (await ask(config, 'GET', '/v1/usage')) as readonly IntegrationUsage[]
  const known = flags.integration === undefined ? all : all.filter(({ integration }) => integration === flags.integration)
  if (formatOf(flags) === 'json') print(`${JSON.stringify(known)}\n`)
  else if (flags.format === 'csv') print([totalNames, ...known.map(totalCells)].map(csvLine).join(''))
  else print(formatUsage(known))
}

async function printWindows(config: Config, window: UsageWindow, flags: UsageFlags, print: Print): Promise<void> {
  if (config.watch === null) throw new CommandError(notWatched, exitCodes.config)
  const now = Date.now()
  const until = timeOf('--until', flags.until) ?? windowBehind(window, now, 1)
  const given = timeOf('--since', flags.since) ?? windowBehind(window, until, -windowSettings[window].shown)
  // Nothing older is kept.
  const since = Math.max(given, windowBehind(window, now - windowSettings[window].keptMs, -1))
  if (since >= until) throw new CommandError('--since is not earlier than --until', exitCodes.usage)
  const format = formatOf(flags)
  if (format === 'csv') print(csvLine(['window', 'at', ...rowNames, ...bucketNames.map((bucket) => `${bucket}Lowest`)]))
  const rows: UsageRow[] = []
  let after: string | null = null
  let oldest: number | null = null
  do {
    const page: UsageSeries = await pageOf(config, window, { since, until }, flags.integration, after)
    if (format === 'json') print(page.rows.map((row) => `${visibleText(JSON.stringify({ window, ...row, at: iso(row.at) }))}\n`).join(''))
    else if (format === 'csv')
      print(
        page.rows
          .map((row) =>
            csvLine([
              window,
              iso(row.at),
              ...rowNames.map((name) => row[name]),
              ...bucketNames.map((bucket) => row.lowest?.[bucket] ?? null),
            ]),
          )
          .join(''),
      )
    else rows.push(...page.rows)
    after = page.next
    oldest = page.oldest
  } while (after !== null)
  if (format === 'table') print(formatWindows(window, rows, { since, until, oldest }))
}

const notWatched =
  'usage by windows needs watching: add "watch: {}" to sallyport.yaml and restart the gateway. Without --window, usage is since the beginning; "sallyport audit query --by hour" sums up the audit log'

async function pageOf(
  config: Config,
  window: UsageWindow,
  { since, until }: { readonly since: number; readonly until: number },
  integration: string | undefined,
  after: string | null,
): Promise<UsageSeries> {
  const query = new URLSearchParams({ window, since: iso(since), until: iso(until) })
  if (integration !== undefined) query.set('integration', integration)
  if (after !== null) query.set('after', after)
  return (await ask(config, 'GET', `/v1/usage?${query}`)) as UsageSeries
}

const rowNames = ['integration', ...usageCounts, 'maxMs'] as const
const totalNames = ['integration', 'since', 'allowed', 'denied', 'limited', 'failed', 'originErrors', 'sentBytes', 'receivedBytes']

function totalCells({ integration, since, requests, originErrors, sentBytes, receivedBytes }: IntegrationUsage) {
  const { allowed, denied, limited, failed } = requests as Readonly<Record<string, number>>
  return [integration, since, allowed ?? 0, denied ?? 0, limited ?? 0, failed ?? 0, originErrors, sentBytes, receivedBytes]
}

function formatOf({ format, json = false }: UsageFlags): UsageFlags['format'] {
  return json ? 'json' : format
}

function timeOf(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null
  try {
    return parseSince(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new CommandError(`${flag} ${text}: ${error.message}`, exitCodes.usage)
    throw error
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
