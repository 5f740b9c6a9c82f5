/** What an index of a log must answer, by reading all of the log for each question: what "audit tail --follow" does with what comes. */
import { createSelection, type Entry, type Filter, type LogIndex, type Sum } from '../../src/query/index.ts'
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
  const matching = (filter: Filter) => {
    const selection = createSelection(filter)
    const taken = records.flatMap((record) => selection.take(record))
    return [...taken, ...selection.open()].filter(({ index }) => index >= first).sort((a, b) => a.index - b.index)
  }
  return {
    entries: (filter: Filter, oldestFirst: boolean) => (oldestFirst ? matching(filter) : matching(filter).toReversed()),
    sums: (filter: Filter, by: 'host' | 'day' | 'type') => sumsOf(matching(filter), by),
  }
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
