/** Makes the HttpRequest that is judged from what came in absolute form, or in origin form inside an interception. */
import { LRUCache } from 'lru-cache'
import { type Authority, canonicalPath, formatAuthority, parseAuthority, requireWellFormedHost } from '../canonical/index.ts'
import {
  type AccessRequest,
  type Arrival,
  type HeaderList,
  type HttpTarget,
  type Identified,
  type JudgedBody,
  Refusal,
} from '../core/index.ts'
import { countHop, forwardableHeaders, soleHeader } from './headers.ts'
import type { HttpArrival } from './http-arrival.ts'
import { withoutOwnToken } from './own-token.ts'
import { createRequestBody } from './request-body.ts'
import { wantsWebSocket } from './supported-heads.ts'
import { requireNoBody, websocketHeaders } from './websocket-head.ts'

/** Callers name the same few authorities again and again: each spelling is canonicalised once. */
export interface Authorities {
  http(raw: string): Authority
  https(raw: string): Authority
}

export function createAuthorities(): Authorities {
  const remember = (defaultPort: number) => {
    const known = new LRUCache<string, Authority>({ max: 2000 })
    return (raw: string): Authority => {
      let authority = known.get(raw)
      if (authority === undefined) {
        authority = parseAuthority(raw, defaultPort)
        known.set(raw, authority)
      }
      return authority
    }
  }
  return { http: remember(80), https: remember(443) }
}

const token = /^[A-Z][A-Z0-9_-]{0,31}$/

/** RFC 9112 §3.2.2: the target's authority is the request's, whatever Host says; Host is replaced. */
export function readAbsoluteForm(authorities: Authorities, arrival: HttpArrival, who: Identified): AccessRequest {
  const url = arrival.req.url ?? ''
  const scheme = schemeOf(url, arrival)
  if (scheme === null) throw new Refusal('malformed-request', 'the target is neither http:// nor https://')
  const start = url.indexOf('/') + 2
  const end = endOfAuthority(url, start)
  const authority = url.slice(start, end)
  if (authority.includes('@')) throw new Refusal('malformed-request', 'the target has credentials before the host')
  const judged = scheme === 'http' ? authorities.http(authority) : authorities.https(authority)
  const claimed = soleHost(arrival)
  if (claimed !== null && claimed !== authority) requireWellFormedHost(claimed)
  return build(arrival, who, scheme, judged, originForm(url.slice(end), arrival.req.method))
}

/** RFC 9112 §3.2.4: OPTIONS of a URL without path and query asks about the server as a whole; of any other method it means `/`. */
function originForm(rest: string, method: string | undefined): string {
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.startsWith('?') ? `/${rest}` : rest
}

const serverAsAWhole = { path: '*', query: '' } as const

/** Inside a tunnel the authority is the one that CONNECT was judged for (host confusion, httpjail #57). */
export function readOriginForm(arrival: HttpArrival, who: Identified, scheme: 'http' | 'https', judged: Authority): AccessRequest {
  const url = arrival.req.url ?? ''
  if (!url.startsWith('/') && !(url === '*' && arrival.req.method === 'OPTIONS'))
    throw new Refusal('malformed-request', 'inside a tunnel the target must be in origin form')
  const claimed = soleHost(arrival)
  if (claimed !== null) requireAgreement(claimed, scheme, judged)
  return build(arrival, who, scheme, judged, url)
}

/** RFC 3986 §3.1: a scheme is the same in upper case. RFC 6455 §3: `ws` is a WebSocket's `http`. */
function schemeOf(url: string, { req }: HttpArrival): 'http' | 'https' | null {
  if (url.startsWith('http://')) return 'http'
  if (url.startsWith('https://')) return 'https'
  const match = /^(http|ws)(s?):\/\//i.exec(url)
  if (match === null || (match[1]?.toLowerCase() === 'ws' && !wantsWebSocket(req))) return null
  return match[2] === '' ? 'http' : 'https'
}

function build(arrival: HttpArrival, who: Identified, scheme: 'http' | 'https', judged: Authority, rest: string): AccessRequest {
  const { req, res } = arrival
  const websocket = wantsWebSocket(req)
  const given = { method: req.method ?? '', rest, rawHeaders: req.rawHeaders, readBody: () => createRequestBody(req, res), websocket }
  return requestFrom(given, { arrival, who, scheme, judged })
}

/** What a head of either version of HTTP says. */
export interface GivenHead {
  readonly method: string
  /** Path and query in origin form, or `*`. */
  readonly rest: string
  /** Flat, without the pseudo-header fields of HTTP/2. */
  readonly rawHeaders: HeaderList
  readonly readBody: () => JudgedBody | null
  readonly isHttp2?: boolean
  readonly isGrpc?: boolean
  /** It asks for a WebSocket. */
  readonly websocket?: boolean
}

export interface Reading {
  readonly arrival: Pick<Arrival, 'id' | 'door' | 'at' | 'hangup'>
  readonly who: Identified
  readonly scheme: 'http' | 'https'
  readonly judged: Authority
}

/** The one request that is judged and sent. Throws `Refusal`. */
export function requestFrom(
  { method, rest, rawHeaders, readBody, isHttp2 = false, isGrpc = false, websocket = false }: GivenHead,
  { arrival, who, scheme, judged }: Reading,
): AccessRequest {
  if (!token.test(method)) throw new Refusal('malformed-request', 'the method is not an upper-case token')
  const { host, port } = judged
  const { path, query } = rest === '*' ? serverAsAWhole : canonicalPath(rest, who.integration.network)
  const forwarded = withoutOwnToken(forwardableHeaders(rawHeaders), who)
  const headers = websocket ? websocketHeaders(forwarded, isHttp2) : forwarded
  const isLastHop = countHop(method, headers)
  headers.push('host', formatAuthority(host, port, scheme === 'http' ? 80 : 443))
  const target: HttpTarget = websocket
    ? { scheme, host, port, method, path, query, websocket }
    : { scheme, host, port, method, path, query }
  const body = readBody()
  if (websocket) requireNoBody(body)
  if (path === '*' && body !== null) throw new Refusal('malformed-request', 'OPTIONS of a server as a whole has no body here')
  return {
    kind: 'http',
    id: arrival.id,
    door: arrival.door,
    at: arrival.at,
    integration: who.integration,
    identity: who.identity,
    hangup: arrival.hangup,
    action: method,
    target,
    headers,
    body,
    ...(isHttp2 && { isHttp2 }),
    ...(isGrpc && { isGrpc }),
    isLastHop,
  }
}

/** RFC 9112 §3.2: an HTTP/1.1 request has one Host, whatever its target. */
function soleHost({ req }: HttpArrival): string | null {
  const claimed = soleHeader(req.rawHeaders, 'host')
  if (claimed === null && req.httpVersion === '1.1') throw new Refusal('malformed-request', 'an HTTP/1.1 request has a Host header')
  return claimed
}

/** Throws `Refusal('malformed-request')` if the authority that a request claims is not the judged one. */
export function requireAgreement(claimed: string, scheme: 'http' | 'https', { host, port }: Authority): void {
  const defaultPort = scheme === 'http' ? 80 : 443
  if (claimed === formatAuthority(host, port, defaultPort)) return
  const said = parseAuthority(claimed, defaultPort)
  if (said.host !== host || said.port !== port)
    throw new Refusal('malformed-request', 'the request names another authority than the one that it leads to')
}

function endOfAuthority(url: string, start: number): number {
  for (let i = start; i < url.length; i += 1) {
    const code = url.charCodeAt(i)
    if (code === 0x2f || code === 0x3f || code === 0x23) return i
  }
  return url.length
}
