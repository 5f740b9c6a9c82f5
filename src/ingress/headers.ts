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
  // Written anew from the judged authority.
  'host',
  // What a caller says of the way it came is hearsay, and origins act on it (CVE-2026-40575).
  'forwarded',
  'via',
  'x-real-ip',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-original-host',
  'x-host',
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
    if (dropped.has(read) || read.startsWith('x-forwarded-')) continue
    kept.push(name, rawHeaders[i + 1] as string)
  }
  return nominated === null ? kept : withoutHeaders(kept, nominated)
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
