/** Where a request that an origin saw differs from the one that was judged. */
import { isDeepStrictEqual } from 'node:util'
import type { Door, Generated } from './generate.ts'
import type { Origin, Seen } from './origins.ts'

/** From the audit log. */
export interface Judged {
  readonly id: string
  readonly door: string
  readonly subject: { readonly path: string; readonly query?: string }
  /** Of the policy's input. */
  readonly head: {
    readonly method: string
    readonly host: string
    readonly port: number
    readonly path: string
    readonly query: Readonly<Record<string, readonly string[]>>
    readonly headers: Readonly<Record<string, readonly string[]>>
  }
  /** Where rules look at it. */
  readonly body: { readonly type: string; readonly bytes: number; readonly value?: unknown } | null
  readonly status: number
  readonly sentBytes: number
  readonly problem: string | null
}

export interface Compared {
  readonly judged: readonly Judged[]
  readonly seen: readonly Seen[]
  readonly sent: ReadonlyMap<string, Generated & { readonly door: Door; readonly to: Origin }>
  readonly servers: readonly Origin[]
}

export function compare({ judged, seen, sent, servers }: Compared): readonly string[] {
  const byCase = new Map<string, Judged[]>()
  for (const one of judged) {
    const key = caseOf(one.head.headers['x-case'])
    byCase.set(key, [...(byCase.get(key) ?? []), one])
  }
  const seenCases = new Set<string>()
  const faults = seen.flatMap((request) => {
    const headers = endToEnd(request.headers)
    const key = caseOf(headers.get('x-case'))
    seenCases.add(key)
    const candidates = byCase.get(key) ?? []
    const from = sent.get(headers.get('x-case')?.[0] ?? '')
    const differences = candidates.map((one) => differencesOf(one, request, headers, from?.content ?? null))
    if (differences.some((list) => list.length === 0)) return []
    return [
      `${differences[0]?.join('; ') ?? 'never judged'}\n  seen: ${JSON.stringify(request)}\n  judged: ${JSON.stringify(candidates[0])}\n  sent: ${describe(from)}`,
    ]
  })
  // nginx answers some methods itself, and says nothing of them.
  const silent = new Set(servers.filter(({ name }) => name.startsWith('nginx')).map(({ port }) => port))
  const unseen = judged.filter(
    ({ head, status }) => status === 200 && !silent.has(head.port) && !seenCases.has(caseOf(head.headers['x-case'])),
  )
  return [...faults, ...unseen.filter(({ head }) => !isAnsweredHere(head)).map((one) => `answered, and not seen: ${JSON.stringify(one)}`)]
}

/** The last hop answers these (RFC 9110 §7.6.2). */
function isAnsweredHere({ method, headers }: Judged['head']): boolean {
  return (method === 'TRACE' || method === 'OPTIONS') && headers['max-forwards']?.[0] === '0'
}

function describe(from: (Generated & { readonly door: Door; readonly to: Origin }) | undefined): string {
  return from === undefined ? 'nothing of that case' : JSON.stringify([from.door, from.to.name, from.bytes(1).toString('latin1')])
}

function caseOf(values: readonly string[] | undefined): string {
  return (values ?? []).join(', ')
}

/** They belong to the connection to the origin. `te` is the gateway's own: it takes trailers. */
const ofConnection: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'te', 'content-length', 'host'])

/** Of those that are sent. */
const harmlessTrailers: ReadonlySet<string> = new Set(['x-late', 'x-case'])

function endToEnd(fields: Seen['headers']): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    if (!ofConnection.has(lower)) found.set(lower, [...(found.get(lower) ?? []), value])
  }
  return found
}

function differencesOf(
  { subject, head, body, sentBytes }: Judged,
  request: Seen,
  headers: ReadonlyMap<string, readonly string[]>,
  content: string | null,
): readonly string[] {
  const differences: string[] = []
  const same = (what: string, isSame: boolean) => void (isSame || differences.push(what))
  const query = subject.query ?? ''
  same('method', request.method === head.method)
  same('host', request.host === (head.headers['host'] ?? [''])[0] && request.host.startsWith(head.host))
  same('path of the record', subject.path === head.path)
  same('target', request.target === `${head.path}${query === '' ? '' : `?${query}`}`)
  // Where an operator has chosen to take an encoded slash or an empty segment as it is, origins may disagree about them.
  if (request.path !== undefined && !/%2F|\/\//.test(head.path)) same('path as the server reads it', request.path === decoded(head.path))
  if (request.query !== undefined) same('query', request.query === query)
  // Keys that are not UTF-8 are one to the policy, and several to Go, which says them in no order.
  if (request.keys && head.query['\ufffd'] === undefined)
    same('keys of the query', isDeepStrictEqual(grouped(request.keys), plain(head.query)))
  if (request.server === 'node')
    same('keys of the query', isDeepStrictEqual(grouped([...new URLSearchParams(`?${query}`)], 'utf8'), plain(head.query)))
  const judgedHeaders = new Map(Object.entries(head.headers).filter(([name]) => !ofConnection.has(name)))
  same('headers', isDeepStrictEqual(sorted(headers), sorted(judgedHeaders)))
  // They are passed on unjudged: nothing among them may mean something in a head.
  same(
    'trailers',
    request.trailers.every(([name]) => harmlessTrailers.has(name.toLowerCase())),
  )
  const bytes = Buffer.from(request.body, 'latin1')
  same('bytes of the body', bytes.byteLength === sentBytes)
  if (content !== null) same('content', request.body === content)
  if (body !== null) same('body', body.bytes === bytes.byteLength && isValueOf(body, bytes))
  else if (head.host.startsWith('read')) same('body that was not judged', bytes.byteLength === 0)
  return differences
}

function isValueOf({ type, value }: NonNullable<Judged['body']>, bytes: Buffer): boolean {
  const text = bytes.toString('utf8')
  // RFC 8259 §8.1: a parser may ignore a byte order mark.
  if (type === 'json') return isDeepStrictEqual(JSON.parse(text.replace(/^\ufeff/, '')), value)
  if (type === 'form')
    return isDeepStrictEqual(grouped([...new URLSearchParams(`?${text}`)], 'utf8'), plain(value as Judged['head']['query']))
  return type === 'text' ? text === value : value === undefined
}

/** By decoding alone, as servers do behind their own parsing of dots and slashes: a character per byte. */
function decoded(path: string): string {
  return path.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** `utf8`: texts are characters already; otherwise each character is a byte. */
function grouped(pairs: readonly (readonly [string, string])[], as: 'utf8' | 'latin1' = 'latin1'): Record<string, string[]> {
  const text = (given: string) => (as === 'utf8' ? given : Buffer.from(given, 'latin1').toString('utf8'))
  const found: Record<string, string[]> = Object.create(null)
  for (const [key, value] of pairs) found[text(key)] = [...(found[text(key)] ?? []), text(value)]
  return found
}

function plain(query: Judged['head']['query']): Record<string, readonly string[]> {
  return Object.assign(Object.create(null), query)
}

function sorted(headers: ReadonlyMap<string, readonly string[]>): readonly (readonly [string, readonly string[]])[] {
  return [...headers].toSorted(([a], [b]) => (a < b ? -1 : 1))
}
