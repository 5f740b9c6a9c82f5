/** The head of a request over HTTP/2 (RFC 9113 §8.2, §8.3), read strictly: nghttp2 checks most of it, and that must not depend on one parser. */
import type { Authority } from '../canonical/index.ts'
import { type HeaderList, Refusal } from '../core/index.ts'
import { type Authorities, requireAgreement } from './http-request.ts'

/** Where requests may lead: what a tunnel was judged for, or, through the proxy, wherever they say. */
export type Place = Aim | Authorities

interface Aim {
  readonly scheme: 'http' | 'https'
  readonly judged: Authority
}

export interface Http2Head extends Aim {
  readonly method: string
  /** `:path`: path and query, or `*`. */
  readonly rest: string
  /** Without pseudo-header fields. */
  readonly rawHeaders: HeaderList
  /** An extended CONNECT (RFC 8441 §4): `method` is GET all the same. */
  readonly websocket: boolean
}

/** RFC 9113 §8.2.2: they belong to a connection of HTTP/1.1. */
export const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])
const pseudo: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':protocol'])
/** §6.5.2: what each field counts beyond its characters. */
const fieldOverheadBytes = 32

/** `raw`: flat, as received. Throws `Refusal`: malformed-request, method-not-allowed, upgrade-unsupported, headers-too-large. */
export function readHttp2Head(raw: HeaderList, place: Place, maxHeaderBytes: number): Http2Head {
  const given = new Map<string, string>()
  const rawHeaders: string[] = []
  let bytes = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    bytes += name.length + value.length + fieldOverheadBytes
    if (name.startsWith(':')) {
      if (rawHeaders.length > 0) throw malformed('a pseudo-header field stands behind others')
      if (!pseudo.has(name)) throw malformed('a pseudo-header field is unknown')
      if (given.has(name)) throw malformed(`${name} is there twice`)
      given.set(name, value)
    } else {
      requireField(name, value)
      rawHeaders.push(name, value)
    }
  }
  if (bytes > maxHeaderBytes) throw new Refusal('headers-too-large', 'the headers are larger than http.maxHeader')
  return { ...readTarget(given, rawHeaders, place), rawHeaders }
}

/** §8.2.1. Values are Latin-1, as Node gives them. */
function requireField(name: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) throw malformed('a field name is not a token in lower case')
  if (/[\0\r\n]|^[ \t]|[ \t]$/.test(value)) throw malformed(`the value of ${name} has a line end, a NUL, or blanks around it`)
  if (connectionSpecific.has(name)) throw malformed(`${name} belongs to HTTP/1.1`)
  if (name === 'te' && value.toLowerCase() !== 'trailers') throw malformed('te may say trailers alone')
}

function readTarget(given: ReadonlyMap<string, string>, rawHeaders: HeaderList, place: Place): Omit<Http2Head, 'rawHeaders'> {
  const protocol = given.get(':protocol')
  const method = given.get(':method') ?? ''
  if (method === 'CONNECT' && protocol === undefined)
    throw new Refusal('method-not-allowed', 'judged' in place ? 'there is no CONNECT inside a tunnel' : 'a CONNECT comes over HTTP/1.1', {
      headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    })
  if (method !== 'CONNECT' && protocol !== undefined) throw malformed(':protocol belongs to CONNECT')
  if (protocol !== undefined && protocol !== 'websocket')
    throw new Refusal('upgrade-unsupported', 'the only protocol carried by an extended CONNECT is websocket')
  const rest = given.get(':path') ?? ''
  if (!rest.startsWith('/') && !(rest === '*' && method === 'OPTIONS')) throw malformed(':path does not begin with a slash')
  const hosts = rawHeaders.flatMap((name, index) => (index % 2 === 0 && name === 'host' ? [rawHeaders[index + 1] as string] : []))
  const claimed = [...(given.has(':authority') ? [given.get(':authority') as string] : []), ...hosts]
  // §8.3.1: a request without an authority would leave it to each reader which one is meant.
  if (claimed.length === 0) throw malformed('there is neither :authority nor host')
  if (hosts.length > 1) throw malformed('host is there twice')
  const aim = aimOf(place, given.get(':scheme') ?? '', claimed[0] as string)
  for (const authority of claimed) requireAgreement(authority, aim.scheme, aim.judged)
  return protocol === undefined ? { ...aim, method, rest, websocket: false } : { ...aim, method: 'GET', rest, websocket: true }
}

function aimOf(place: Place, scheme: string, authority: string): Aim {
  if ('judged' in place) {
    if (scheme !== place.scheme) throw malformed(`:scheme is not ${place.scheme}, as inside this tunnel`)
    return place
  }
  if (scheme !== 'http' && scheme !== 'https') throw malformed(':scheme is neither http nor https')
  if (authority.includes('@')) throw malformed('the authority has credentials before the host')
  return { scheme, judged: place[scheme](authority) }
}

function malformed(what: string): Refusal {
  return new Refusal('malformed-request', what)
}
