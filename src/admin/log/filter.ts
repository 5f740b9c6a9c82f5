/** Which records are wanted, from the query of a URL. */
import type { Entry, Filter } from '../../query/index.ts'

// Not from the index itself, which loads a database.
const decisions = ['allow', 'deny', 'refused'] as const satisfies Filter['decision']

const listNames = [
  ...(['integration', 'identity', 'decision', 'rule', 'host', 'path', 'method', 'kind', 'status', 'problem'] as const),
  ...(['type', 'id', 'parent', 'text'] as const),
] as const satisfies readonly (keyof Filter)[]

/** What was asked cannot be answered; the message says why. */
export class BadQuestion extends Error {
  readonly status: 400 | 403

  constructor(status: 400 | 403, message: string) {
    super(message)
    this.status = status
  }
}

/** What is asked of a request is a member of one of these. */
const aboutRequest = ['subject', 'asked']

/** Of which members of records a filter, a sum or a column of an entry tells, where that is not the member of its name alone. `null`: of each. */
const membersOf: Readonly<Record<string, readonly string[] | null>> = {
  ...Object.fromEntries(['method', 'scheme', 'host', 'port', 'path', 'query'].map((name) => [name, [name, ...aboutRequest]])),
  place: ['name', 'root', ...aboutRequest],
  decision: ['allow'],
  problem: ['problem', 'code'],
  text: null,
  detail: null,
  since: ['time'],
  until: ['time'],
}

const columns = [
  ...([
    'id',
    'parent',
    'integration',
    'identity',
    'decision',
    'rule',
    'kind',
    'action',
    'method',
    'scheme',
    'host',
    'port',
    'place',
  ] as const),
  ...([
    'path',
    'query',
    'status',
    'problem',
    'detail',
    'requests',
    'sentBytes',
    'receivedBytes',
    'durationMs',
    'complete',
    'claimed',
  ] as const),
] as const satisfies readonly (keyof Entry)[]

function tellsOf(name: string, hidden: readonly string[]): boolean {
  const members = Object.hasOwn(membersOf, name) ? membersOf[name] : [name]
  return members === null || members === undefined || members.some((member) => hidden.includes(member))
}

/** The columns of an entry that tell of members which are hidden. Without any hidden, none. */
export function hiddenColumns(hidden: readonly string[]): readonly string[] {
  return hidden.length === 0 ? [] : columns.filter((column) => tellsOf(column, hidden))
}

/** Filters of the query, and its other parameters. Throws `BadQuestion` where a name is unknown or a value has not its form. */
export function readQuestion(query: URLSearchParams, others: readonly string[]): { filter: Filter; given: ReadonlyMap<string, string> } {
  const filter: { [name: string]: readonly string[] | number } = {}
  const given = new Map<string, string>()
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name)
    if (values.includes('')) throw new BadQuestion(400, `"${name}" has no value`)
    if (listNames.some((known) => known === name)) filter[name] = values
    else if (name !== 'since' && name !== 'until' && !others.includes(name))
      throw new BadQuestion(400, `there is no parameter "${name}": there are since, until, ${[...listNames, ...others].join(', ')}`)
    else if (values.length > 1) throw new BadQuestion(400, `"${name}" is there twice`)
    else if (others.includes(name)) given.set(name, values[0] ?? '')
    else filter[name] = timeOf(name, values[0] ?? '')
  }
  if (filter['decision'] !== undefined) requireDecisions(filter['decision'] as readonly string[])
  if (filter['text'] !== undefined) requireWords(filter['text'] as readonly string[])
  return { filter, given }
}

function requireDecisions(given: readonly string[]): void {
  const wrong = given.find((decision) => !decisions.some((known) => known === decision))
  if (wrong !== undefined) throw new BadQuestion(400, `"${wrong}" is not a decision: there are ${decisions.join(', ')}`)
}

/** As the index looks for them. */
function requireWords(given: readonly string[]): void {
  const wrong = given.find((text) => !/[\p{L}\p{N}]/u.test(text))
  if (wrong !== undefined) throw new BadQuestion(400, `"${wrong}" has no letter and no digit to look for`)
}

function timeOf(name: string, text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new BadQuestion(400, `"${name}" is a time like 2026-11-28T04:00:00Z, or a day`)
  return ms
}

/** What cannot be seen cannot be looked for either: whether there is an answer would say what it is. Throws `BadQuestion`. */
export function refuseHidden(filter: Filter, by: string | null, hidden: readonly string[]): void {
  if (hidden.length === 0) return
  for (const name of [...Object.keys(filter), ...(by === null ? [] : [by])])
    if (tellsOf(name, hidden))
      throw new BadQuestion(403, `you may not ask by "${name}": it is personal (audit.personal), and you have no right to that`)
}

/** For the record of the question: what was asked for, by its names, so that masks hold there too. */
export function askedOf(filter: Filter): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(filter).map(([name, value]) => [name, typeof value === 'number' ? new Date(value).toISOString() : value.join(', ')]),
  )
}
