/** One spelling for each host, so that no variant of a name decides differently (GHSA-qwrf-gfpj-qvj6). */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { Refusal } from '../core/index.ts'
import { canonicalAddress } from './ip-block.ts'

export interface Authority {
  /** Lower-case A-label name without trailing dot, dotted-quad IPv4, or compressed IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

// A last label that begins with a letter cannot be an IPv4 number in any of WHATWG URL's spellings.
const plainName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Throws `Refusal('malformed-request')` on anything that is not exactly one host and, where given, one port. */
export function parseAuthority(raw: string, defaultPort: number | null): Authority {
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(raw)
  if (match === null) throw refuse('the authority is not host:port')
  const port = match[2] === undefined ? defaultPort : Number(match[2])
  if (port === null) throw refuse('the authority has no port')
  if (port < 1 || port > 65535) throw refuse('the port is not between 1 and 65535')
  return { host: canonicalHost(match[1] ?? ''), port }
}

/**
 * Where the target has an authority, a proxy ignores what Host names (RFC 9112 §3.2.2): clients send the proxy's own name, leave
 * the port out, or the brackets (Python's http.client). It must still be a Host (§3.2). Throws `Refusal('malformed-request')`.
 */
export function requireWellFormedHost(claimed: string): void {
  if (isIP(claimed) === 6 || isIP(claimed.replace(/:\d{1,5}$/, '')) === 6) return
  // Bytes beyond ASCII are in no Host (RFC 3986 §3.2.2): what reads them as UTF-8 and what as Latin-1 sees two names.
  if (!/^[\x21-\x7e]*$/.test(claimed)) throw refuse('the Host header has a character that no host has')
  parseAuthority(claimed, 80)
}

/** Takes IPv6 in brackets only. Throws `Refusal('malformed-request')`. */
export function canonicalHost(raw: string): string {
  if (raw.length <= 253 && plainName.test(raw)) return raw
  if (isIP(raw) === 4) return raw
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for (a NUL inside a host fooled matchers elsewhere)
  if (raw === '' || /[\x00-\x20\x7f%/\\?#@<>^`{|}"]/.test(raw)) throw refuse('the host has a character that no host has')
  if (raw.startsWith('[')) return bracketed(raw)
  const ascii = domainToASCII(raw)
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  if (isIP(name) === 4) return name
  if (
    name === '' ||
    name.length > 253 ||
    !/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(name)
  ) {
    throw refuse('the host is not a name')
  }
  // Decimal, octal and hex IPv4 spellings: domainToASCII resolves them like a browser; what still looks like a number is refused.
  if (/^(?:0x[0-9a-f]*|\d+)$/.test(name.slice(name.lastIndexOf('.') + 1))) throw refuse('the host is neither a name nor an address')
  return name
}

function bracketed(raw: string): string {
  const address = raw.endsWith(']') && raw.includes(':') ? canonicalAddress(raw.slice(1, -1)) : null
  if (address === null) throw refuse('the brackets do not hold an IPv6 address')
  return address
}

/** As written in a URL or a Host header. */
export function formatAuthority(host: string, port: number, defaultPort: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === defaultPort ? name : `${name}:${port}`
}

function refuse(why: string): Refusal {
  return new Refusal('malformed-request', why)
}
