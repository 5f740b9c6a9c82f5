/** What an index of a log must answer, by reading all of the log for each question. */
import { hostCovers, pathCovers } from '../../src/canonical/index.ts'
import type { Entry, Filter, LogIndex, Sum } from '../../src/query/index.ts'
import { createJoin, type Joined } from '../../src/query/join.ts'
import type { StoredRecord } from '../../src/records/index.ts'

/** Each page with its cursor, until there is none. */
export async function allEntries(index: LogIndex, filter: Filter, oldestFirst: boolean): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  let cursor: number | undefined
  do {
    const page = await index.ask(filter, { limit: 4, oldestFirst, ...(cursor !== undefined && { cursor }) })
    entries.push(...page.entries)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return entries
}

/** `first`: index of the oldest record that retention left. */
export function modelOf(records: readonly StoredRecord[], first = 0) {
  const join = createJoin()
  const joined = [...records.flatMap((record) => join.take(record)), ...join.open.values()]
    .filter(({ entry }) => entry.index >= first)
    .sort((a, b) => a.entry.index - b.entry.index)
  const matching = (filter: Filter) => joined.filter((one) => matches(filter, one)).map(({ entry }) => entry)
  return {
    entries: (filter: Filter, oldestFirst: boolean) => (oldestFirst ? matching(filter) : matching(filter).toReversed()),
    sums: (filter: Filter, by: 'host' | 'day' | 'type') => sumsOf(matching(filter), by),
  }
}

function matches(filter: Filter, { entry, texts }: Joined): boolean {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY, text = [] } = filter
  const equal = (['integration', 'decision', 'problem', 'type', 'id', 'parent'] as const).every(
    (name) => filter[name] === undefined || (filter[name] as readonly unknown[]).includes(entry[name]),
  )
  const hasTime = entry.time === null ? filter.since === undefined && filter.until === undefined : entry.time >= since && entry.time < until
  const hasHost = filter.host?.some((host) => entry.host !== null && (host === '*' || hostCovers(host.toLowerCase(), entry.host))) ?? true
  const hasPath = filter.path?.some((path) => entry.path !== null && pathCovers(path, entry.path)) ?? true
  const hasStatus = filter.status?.some((status) => new RegExp(`^${status.replace('xx', '..')}$`).test(String(entry.status))) ?? true
  return equal && hasTime && hasHost && hasPath && hasStatus && text.every((phrase) => hasPhrase(texts, phrase))
}

/** Words as the index has them: without case and accents. */
function wordsOf(text: string): string {
  const words = text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}\p{Co}]+/gu)
  return ` ${(words ?? []).join(' ')} `
}

function hasPhrase(texts: string, phrase: string): boolean {
  const words = wordsOf(phrase)
  return wordsOf(texts).includes(phrase.endsWith('*') ? words.slice(0, -1) : words)
}

function sumsOf(entries: readonly Entry[], by: 'host' | 'day' | 'type'): readonly Sum[] {
  const keyOf = (entry: Entry) =>
    by === 'day' ? (entry.time === null ? null : new Date(entry.time).toISOString().slice(0, 10)) : entry[by]
  const counted = by === 'type' ? entries : entries.filter(({ requests }) => requests > 0)
  const sums = [...Map.groupBy(counted, keyOf)].map(([value, all]) => {
    const count = (decision: string) => all.filter((entry) => entry.decision === decision).reduce((sum, { requests }) => sum + requests, 0)
    return {
      value,
      requests: all.reduce((sum, { requests }) => sum + Math.max(requests, 1), 0),
      ...{ allowed: count('allow'), denied: count('deny'), refused: count('refused') },
      sentBytes: all.reduce((sum, { sentBytes }) => sum + (sentBytes ?? 0), 0),
      receivedBytes: all.reduce((sum, { receivedBytes }) => sum + (receivedBytes ?? 0), 0),
    }
  })
  const byValue = (a: Sum, b: Sum) => ((a.value ?? '') < (b.value ?? '') ? -1 : 1)
  return by === 'day' ? sums.sort((a, b) => byValue(b, a)) : sums.sort((a, b) => b.requests - a.requests || byValue(a, b))
}
