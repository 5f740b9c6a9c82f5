/** What a caller asked for, as it wrote it: for records, and nothing is decided by it. */
import type { Asked, HeaderList } from '../core/index.ts'

/** A caller may write as much as `http.maxHeader` holds; records hold less of each part. */
const maxCharacters = 16 * 1024

/** `target`: of a request line, in any of its forms (RFC 9112 §3.2). `host`: the header. */
export function askedBy(method: string, target: string, host: string | null): Asked {
  const written = target.slice(0, maxCharacters)
  if (method === 'CONNECT') return { method, ...authorityOf(written), path: null }
  const [, scheme, authority = '', rest] = /^([a-z][a-z0-9+.-]{0,15}):\/\/([^/?#]*)(.*)$/is.exec(written) ?? []
  const at = scheme === undefined ? authorityOf(host ?? '') : { scheme: scheme.toLowerCase(), ...authorityOf(authority) }
  return { method, ...at, ...pathOf(rest ?? written) }
}

/** Pseudo-header fields and others, flat, as they were received. */
export function askedInFields(raw: HeaderList): Asked {
  const [method, scheme, authority, target = ''] = [':method', ':scheme', ':authority', ':path'].map((name) => fieldOf(raw, name))
  const asked = askedBy(method ?? '', method === 'CONNECT' ? (authority ?? '') : target, authority ?? fieldOf(raw, 'host') ?? null)
  return scheme === undefined || method === 'CONNECT' ? asked : { ...asked, scheme }
}

/** The first bytes of a request that could not be parsed. `null`: they do not begin with a request line. */
export function askedInText(text: string): Asked | null {
  const head = text.slice(0, maxCharacters)
  const [, method, target] = /^[\r\n]*([!#$%&'*+.^_`|~\w-]{1,32}) +([^\s]+)/.exec(head) ?? []
  if (method === undefined || target === undefined) return null
  const [, host = null] = /\r?\nhost:[ \t]*([^\r\n]{0,300})/i.exec(head) ?? []
  return askedBy(method, target, host)
}

/** The port is what stands behind the last colon, where that is a number; userinfo may be a password. */
function authorityOf(text: string): Pick<Asked, 'host' | 'port'> {
  const authority = text.slice(text.lastIndexOf('@') + 1).trim()
  if (authority === '') return { host: null }
  const [, host = authority, port] = /^(.*?)(?::(\d{1,5}))?$/s.exec(authority) ?? []
  const plain = host.replace(/^\[(.*)\]$/s, '$1').toLowerCase()
  return port === undefined ? { host: plain } : { host: plain, port: Number(port) }
}

function pathOf(target: string): Pick<Asked, 'path' | 'query'> {
  const at = target.indexOf('?')
  return at < 0 ? { path: target } : { path: target.slice(0, at), query: target.slice(at + 1) }
}

function fieldOf(raw: HeaderList, name: string): string | undefined {
  const at = raw.findIndex((given, index) => index % 2 === 0 && given.toLowerCase() === name)
  return at < 0 ? undefined : raw[at + 1]
}
