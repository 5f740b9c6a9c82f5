/** Which headers of a caller are forwarded: not hop-by-hop ones, not those that Connection names, and no claims about the way they came. */
import { type HeaderList, Refusal } from '../core/index.ts'
import { connectionNames, withoutHeaders } from '../text/index.ts'

const dropped: ReadonlySet<string> = new Set([
  // RFC 9110 §7.6.1 and RFC 9112: they belong to this connection.
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
  // Credentials and challenges between the caller and this gateway.
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  // Answered here (RFC 9110 §10.1.1).
  'expect',
  // Settings of an upgrade that is never forwarded (RFC 9113 §3.2.1).
  'http2-settings',
  // Written from the judged authority.
  'host',
  // CGI hands it to programs as HTTP_PROXY, which they take for their own setting (CVE-2016-5385).
  'proxy',
  'via',
  // Names of single CDNs and servers.
  'front-end-https',
  'http-client-ip',
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'x-proto',
  'x-http-destinationurl',
  'x-backend-host',
  'x-gateway-host',
  'x-http-host',
  'x-proxy-host',
  'x-proxy-url',
  'x-middleware-subrequest', // CVE-2025-29927
  'x-middleware-rewrite',
  'x-accel-mapping', // CVE-2025-61780
  'x-sendfile-type',
  'x-azure-socketip',
  'cloudfront-viewer-address',
])

/**
 * … and, by words in their names, those that claim another method, place or caller: every server, CDN and framework has its
 * own spelling (CVE-2018-14773, CVE-2026-40575). A caller's claims about the way its request came are not to be trusted.
 */
const claims = new RegExp(
  [
    '^x-forwarded',
    '^x-original-(?:url|uri|path|query|args|host|port|scheme|proto|method|ip|addr|remote|client|forwarded)(?:-|$)',
    '^x-envoy-',
    '^x-rewrite-',
    '(?:^|-)forwarded(?:-|$)',
    '(?:^|-)forward(?:er)?-for(?:-|$)',
    '^x-(?:coming-from|from-ip)$',
    // Another method.
    '(?:^|-)(?:method|verb)-?override(?:-|$)',
    '(?:^|-)override-(?:method|verb)$',
    '^x-(?:http-)?(?:method|verb)$',
    // Another place.
    '(?:^|-)override-(?:url|uri|path|host)$',
    '(?:^|-)(?:url|uri|path|host)-override$',
    '(?:^|-)(?:unencoded|rewritten|originating)-(?:url|uri|path|host)$',
    // Another caller.
    '(?:^|-)(?:client|real|remote|connecting|originating|user|proxyuser|source|src|true|peer|caller)-?(?:ip|ipv[46]|addr|address)(?:-|$)',
    '(?:^|-)client-connection-ip$',
    '(?:^|-)pseudo-ipv4$',
    '^x-(?:ip|cluster-ip|proxymesh-ip)$',
  ].join('|'),
)

const isPlain = /^[a-z\d-]*$/

/** End-to-end headers, flat, in order, duplicates kept. Throws `Refusal('malformed-request')` if Connection names a header that it must not remove. */
export function forwardableHeaders(rawHeaders: readonly string[]): string[] {
  const kept: string[] = []
  const nominated: string[] = []
  let cookieAt = -1
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const lower = name.toLowerCase()
    if (lower === 'connection') nominate(rawHeaders[i + 1] as string, nominated)
    // CGI and what came after it read an underscore, and some of them any other character, as a dash.
    const read = isPlain.test(lower) ? lower : lower.replaceAll(/[^a-z\d]/g, '-')
    if (dropped.has(read) || claims.test(read)) continue
    // A second length beside the body's own.
    if (read === 'content-length' && read !== lower) continue
    // Some senders join two cookies and some do not: the policy sees them as they are sent (RFC 6265 §5.4, RFC 9113 §8.2.3).
    if (lower === 'cookie') {
      if (cookieAt >= 0) {
        joinCookie(kept, cookieAt + 1, rawHeaders[i + 1] as string)
        continue
      }
      cookieAt = kept.length
    }
    kept.push(name, rawHeaders[i + 1] as string)
  }
  return nominated.length === 0 ? kept : withoutHeaders(kept, nominated)
}

/** An empty one would leave a blank at the end, which is lost on the way. */
function joinCookie(kept: string[], at: number, value: string): void {
  const earlier = kept[at] as string
  kept[at] = earlier === '' || value === '' ? earlier + value : `${earlier}; ${value}`
}

/** Adds to `nominated` and never copies it: a head may have as many Connection headers as fit into it. */
function nominate(value: string, nominated: string[]): void {
  if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive' || value === 'Upgrade') return
  for (const name of connectionNames(value)) {
    if (name === '' || name === 'keep-alive' || name === 'close') continue
    // Dropping these would change what the message says rather than how it travels (RFC 9110 §7.6.1).
    if (name === 'content-length' || name === 'host' || name === 'authorization' || name === 'cache-control')
      throw new Refusal('malformed-request', `Connection names ${name}, which is not a hop-by-hop header`)
    nominated.push(name)
  }
}

/** The only value of a header that must not stand twice; `null` where it is absent. Throws `Refusal('malformed-request')`. */
export function soleHeader(rawHeaders: HeaderList, lowerName: string): string | null {
  let found: string | null = null
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue
    if (found !== null) throw new Refusal('malformed-request', `${lowerName} is there twice`)
    found = rawHeaders[i + 1] as string
  }
  return found
}

/** A larger Max-Forwards counts as this one (RFC 9110 §7.6.2). */
const maxHops = 2 ** 31 - 1

/** Counts this hop in the Max-Forwards of OPTIONS or TRACE, in which alone it has a meaning (RFC 9110 §7.6.2); answers whether it is the last one. Throws `Refusal('malformed-request')` on what is not a number. */
export function countHop(method: string, headers: string[]): boolean {
  if (method !== 'OPTIONS' && method !== 'TRACE') return false
  const given = soleHeader(headers, 'max-forwards')
  if (given === null) return false
  if (!/^\d+$/.test(given)) throw new Refusal('malformed-request', 'Max-Forwards is not a number')
  const left = Math.min(Number(given), maxHops)
  if (left === 0) return true
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'max-forwards')
  headers[at + 1] = String(left - 1)
  return false
}
