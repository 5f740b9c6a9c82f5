/** The entries that a filter wants, as their records are read: what the index finds of the past, this finds of what comes. */
import { canonicalHostPattern, hostCovers } from '../canonical/index.ts'
import type { StoredRecord } from '../records/index.ts'
import type { Entry } from './entry.ts'
import type { Filter } from './filter.ts'
import { createJoin, type Joined } from './join.ts'
import { pathMatcher } from './path-match.ts'
import { phraseTest } from './phrases.ts'
import { statusClass } from './words.ts'

export interface Selection {
  /** What the record completes and the filter wants. */
  take(record: StoredRecord): readonly Entry[]
  /** What the filter wants of what is not settled yet. */
  open(): readonly Entry[]
}

export function createSelection(filter: Filter): Selection {
  const join = createJoin()
  const isWanted = wanted(filter)
  const entriesOf = (joined: Iterable<Joined>) => [...joined].filter(isWanted).map(({ entry }) => entry)
  return {
    take: (record) => entriesOf(join.take(record)),
    open: () => entriesOf(join.open.values()),
  }
}

type Test = (joined: Joined) => boolean

function wanted(filter: Filter): Test {
  const { since, until, host, path, status, text = [], ...exact } = filter
  const tests = text.map((phrase): Test => {
    const isIn = phraseTest(phrase)
    return ({ texts }) => isIn(texts)
  })
  if (since !== undefined) tests.push(({ entry: { time } }) => time !== null && time >= since)
  if (until !== undefined) tests.push(({ entry: { time } }) => time !== null && time < until)
  for (const [name, values] of Object.entries(exact) as [keyof typeof exact, readonly string[] | undefined][])
    if (values !== undefined) tests.push(({ entry }) => values.includes(entry[name] as string))
  const hosts = host?.map((given) => canonicalHostPattern(given) ?? given.toLowerCase())
  if (hosts !== undefined) tests.push(({ entry }) => hosts.some((pattern) => isHost(entry.host, pattern)))
  const paths = path?.map(pathMatcher)
  if (paths !== undefined) tests.push(({ entry }) => entry.path !== null && paths.some((matches) => matches(entry.path as string)))
  if (status !== undefined)
    tests.push(
      ({ entry }) => entry.status !== null && [String(entry.status), statusClass(entry.status)].some((form) => status.includes(form)),
    )
  return (joined) => tests.every((test) => test(joined))
}

function isHost(host: string | null, pattern: string): boolean {
  return host !== null && (pattern === '*' || hostCovers(pattern, host))
}
