/** Which of a caller's headers go on: hop-by-hop ones, those that Connection names, and claims about the path taken do not. */
import { connectionNames, type HeaderList, Refusal, withoutHeaders } from '../core/index.ts'

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
  // Settings of an upgrade that is never passed on (RFC 9113 §3.2.1).
  'http2-settings',
  // Written anew from the judged authority.
  'host',
  // CGI hands it to programs as HTTP_PROXY, which they take for their own setting (CVE-2016-5385).
  'proxy',
  // Origins that honour one of these do another method than the one that was judged.
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-method',
  'x-original-method',
  // … or answer for another place (CVE-2018-14773, CVE-2026-40575).
  'x-original-url',
  'x-original-uri',
  'x-original-path',
  'x-rewrite-url',
  'x-rewrite-uri',
  'x-override-url',
  'x-http-destinationurl',
  'x-http-path-override',
  'x-envoy-original-path',
  'x-envoy-original-host',
  'x-envoy-decorator-operation',
  'x-original-host',
  'x-host',
  'x-host-override',
  'x-http-host-override',
  'x-backend-host',
  'x-url-scheme',
  'x-scheme',
  'front-end-https',
  // … or believe another caller: what a caller says of the way it came is hearsay.
  'forwarded',
  'forwarded-for',
  'via',
  'client-ip',
  'remote-addr',
  'true-client-ip',
  'x-true-client-ip',
  'x-client-ip',
  'x-real-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-cluster-client-ip',
  'x-proxyuser-ip',
  'x-original-forwarded-for',
  'x-envoy-external-address',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'fly-client-ip',
  'wl-proxy-client-ip',
  'proxy-client-ip',
])

/** End-to-end headers, flat, in order, duplicates kept. Throws `Refusal('malformed-request')` where Connection names a header that is not its to drop. */
export function forwardableHeaders(rawHeaders: readonly string[]): string[] {
  const kept: string[] = []
  let nominated: string[] | null = null
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const lower = name.toLowerCase()
    if (lower === 'connection') nominated = nominate(rawHeaders[i + 1] as string, nominated)
    // CGI and its heirs read an underscore as a dash.
    const read = lower.includes('_') ? lower.replaceAll('_', '-') : lower
    if (dropped.has(read) || read.startsWith('x-forwarded')) continue
    // A second length beside the body's own.
    if (read === 'content-length' && read !== lower) continue
    // Some senders join two cookies and some do not: they are judged as they are sent (RFC 6265 §5.4, RFC 9113 §8.2.3).
    if (lower === 'cookie' && joinCookie(kept, rawHeaders[i + 1] as string)) continue
    kept.push(name, rawHeaders[i + 1] as string)
  }
  return nominated === null ? kept : withoutHeaders(kept, nominated)
}

/** Whether there was one to join it to. */
function joinCookie(kept: string[], value: string): boolean {
  for (let i = 0; i < kept.length; i += 2) {
    if ((kept[i] as string).toLowerCase() !== 'cookie') continue
    // An empty one would leave a blank at the end, which is lost on the way.
    kept[i + 1] = [kept[i + 1] as string, value].filter((one) => one !== '').join('; ')
    return true
  }
  return false
}

function nominate(value: string, earlier: string[] | null): string[] | null {
  if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive' || value === 'Upgrade') return earlier
  const names = connectionNames(value).filter((name) => name !== '' && name !== 'keep-alive' && name !== 'close')
  for (const name of names) {
    // Dropping these would change what the message says rather than how it travels (RFC 9110 §7.6.1).
    if (name === 'content-length' || name === 'host' || name === 'authorization' || name === 'cache-control') {
      throw new Refusal('malformed-request', `Connection names ${name}, which is not a hop-by-hop header`)
    }
  }
  return names.length === 0 ? earlier : [...(earlier ?? []), ...names]
}

/** The only value of a header that must not stand twice; `null` where it is absent. Throws `Refusal('malformed-request')`. */
export function soleHeader(rawHeaders: HeaderList, lowerName: string): string | null {
  let found: string | null = null
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue
    if (found !== null) throw new Refusal('malformed-request', `${lowerName} stands twice`)
    found = rawHeaders[i + 1] as string
  }
  return found
}
