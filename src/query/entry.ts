/** One row of the index: a request with how it was decided and how it ended, or any other record. */

export const decisions = ['allow', 'deny', 'refused'] as const
export type DecisionName = (typeof decisions)[number]

export interface Entry {
  /** Index in the log of the first record about it. */
  readonly index: number
  /** Of the record that it was settled by. */
  readonly settledIndex: number | null
  /** Milliseconds since the epoch; `null` where the record has no time that can be read. */
  readonly time: number | null
  /** Of the record; of a request `decided` or `refused`; `unreadable` where a line is not a record. */
  readonly type: string
  readonly id: string | null
  readonly parent: string | null
  readonly integration: string | null
  readonly identity: string | null
  /** `refused` as well where the policy allowed and a later station refused. `null`: the record is not about a request. */
  readonly decision: DecisionName | null
  readonly rule: string | null
  readonly kind: string | null
  readonly action: string | null
  readonly method: string | null
  readonly scheme: string | null
  readonly host: string | null
  readonly port: number | null
  /** Name of a service, or the root of a file. */
  readonly place: string | null
  readonly path: string | null
  readonly query: string | null
  readonly status: number | null
  /** Code of the refusal, or of what broke the reply off. */
  readonly problem: string | null
  readonly detail: string | null
  /** How many requests it stands for: those of a flood share one record. */
  readonly requests: number
  readonly sentBytes: number | null
  readonly receivedBytes: number | null
  readonly durationMs: number | null
  readonly complete: boolean | null
  /** Who the caller of a refused request said it was, where nothing proved it. */
  readonly claimed: string | null
}

export type LogRecord = Readonly<Record<string, unknown>>

/** A longer text is cut: the record itself is in the log. */
const maxDetailCharacters = 1000

/** Of every record except `settled`. `null`: the line is not a record. */
export function entryOf(index: number, record: LogRecord | null): Entry {
  if (record === null) return { ...nothing, index, type: 'unreadable', detail: 'not a record of the audit log' }
  const type = textOf(record['type']) ?? 'unreadable'
  const subject = isObject(record['subject']) ? record['subject'] : {}
  const of = (key: string) => textOf(subject[key]) ?? textOf(record[key])
  const base: Entry = {
    ...nothing,
    index,
    type,
    time: timeOf(record['time']),
    id: textOf(record['id']),
    parent: textOf(record['parent']),
    integration: textOf(record['integration']),
    identity: textOf(record['identity']),
    rule: textOf(record['rule']),
    kind: textOf(record['kind']),
    action: textOf(record['action']),
    method: of('method'),
    scheme: of('scheme'),
    host: of('host'),
    port: numberOf(subject['port']) ?? numberOf(record['port']),
    place: textOf(subject['root']) ?? textOf(subject['name']),
    path: of('path'),
    query: of('query'),
    problem: textOf(record['problem']),
  }
  switch (type) {
    case 'decided':
      return { ...base, requests: 1, decision: record['allow'] === true ? 'allow' : 'deny' }
    case 'refused':
      return {
        ...base,
        requests: 1,
        decision: 'refused',
        problem: textOf(record['code']),
        detail: cut(textOf(record['detail'])),
        claimed: textOf(record['claimed']),
      }
    case 'summed':
      return {
        ...base,
        integration: integrationOfSum(textOf(record['who'])),
        requests: numberOf(record['count']) ?? 1,
        decision: 'refused',
        problem: textOf(record['code']),
        detail: cut(factsOf(record)),
      }
    default:
      return { ...base, detail: cut(factsOf(record)) }
  }
}

/** The same request, once it is settled. */
export function settledEntry(entry: Entry, index: number, record: LogRecord): Entry {
  const status = numberOf(record['status'])
  const problem = textOf(record['problem'])
  // What the policy allowed a later station may still have refused: a quota, a breaker, an address. What broke off behind its head was allowed.
  const isRefused = entry.decision === 'allow' && problem !== null && !(Number(status) < 400)
  return {
    ...entry,
    settledIndex: index,
    decision: isRefused ? 'refused' : entry.decision,
    status,
    problem: problem ?? entry.problem,
    detail: entry.detail ?? cut(textOf(record['detail'])),
    sentBytes: numberOf(record['sentBytes']),
    receivedBytes: numberOf(record['receivedBytes']),
    durationMs: numberOf(record['durationMs']),
    complete: typeof record['complete'] === 'boolean' ? record['complete'] : null,
  }
}

/** `null` where a line is not a record. */
export function readRecord(text: string): LogRecord | null {
  try {
    const record: unknown = JSON.parse(text)
    return isObject(record) ? record : null
  } catch {
    return null
  }
}

const nothing: Entry = {
  index: 0,
  settledIndex: null,
  time: null,
  type: '',
  id: null,
  parent: null,
  integration: null,
  identity: null,
  decision: null,
  rule: null,
  kind: null,
  action: null,
  method: null,
  scheme: null,
  host: null,
  port: null,
  place: null,
  path: null,
  query: null,
  status: null,
  problem: null,
  detail: null,
  requests: 0,
  sentBytes: null,
  receivedBytes: null,
  durationMs: null,
  complete: null,
  claimed: null,
}

/** The members of a record that is about no request, as `key=value`. */
function factsOf(record: LogRecord): string {
  const { seq: _seq, time: _time, type: _type, prev: _prev, ...facts } = record
  return Object.entries(facts)
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

/** A sum is of one integration, or of a peer that proved to be none. */
function integrationOfSum(who: string | null): string | null {
  return who === null || who.startsWith('peer ') ? null : who
}

function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? null : time
}

function cut(text: string | null): string | null {
  return text !== null && text.length > maxDetailCharacters ? `${text.slice(0, maxDetailCharacters)}…` : text
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function isObject(value: unknown): value is LogRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
