/** Rewrites the addresses and cookie scopes in a service's reply: callers know the service by its prefix on the gateway, and learn no internal address. */
import { type HeaderList, servicePrefix } from '../../core/index.ts'
import { isSpecial } from '../../egress/index.ts'
import { mapLinks, mapRefresh } from './reference-lists.ts'

export interface ReplyAddresses {
  /** `asked`: path and query as they were sent to the service. References are resolved against it (RFC 3986 §5). */
  rewrite(headers: HeaderList, asked: string): HeaderList
}

export function createReplyAddresses(name: string, url: URL): ReplyAddresses {
  const { origin, hostname, port } = relativeName(url)
  const place = { base: url.pathname.replace(/\/$/, ''), prefix: `${servicePrefix}${name}` }
  const portPattern = port === '' ? `(?::${url.protocol === 'https:' ? 443 : 80})?` : `:${port}`
  const own = new RegExp(
    `(?:(?:https?|wss?):)?//(?:[^\\s/@]*@)?${escapeRegExp(hostname)}\\.?${portPattern}(?![\\w.:-])(?:${escapeRegExp(place.base)}(?![^/?#\\s"',;<>]))?`,
    'gi',
  )

  /** The reference as callers can follow it; `null` if they cannot, or if it leads to another internal place. */
  function rewriteReference(reference: string, asked: string): string | null {
    const parsed = URL.parse(reference.trim(), `${origin}${asked}`)
    if (parsed === null) return null
    const found = relativeName(parsed)
    if (found.origin === origin) {
      if (found.pathname !== place.base && !found.pathname.startsWith(`${place.base}/`)) return null
      return `${place.prefix}${found.pathname.slice(place.base.length) || '/'}${found.search}${found.hash}`
    }
    return isInside(found.hostname) ? null : reference
  }

  function isInside(named: string): boolean {
    const host = named.replace(/^\[|\]$/g, '')
    return named === hostname || host === 'localhost' || host.endsWith('.localhost') || isSpecial(host)
  }

  function rewriteValue(lowerName: string, value: string, asked: string): string | null {
    const map = (reference: string) => rewriteReference(reference, asked)
    switch (lowerName) {
      case 'location':
      case 'content-location':
      case 'uri':
      case 'sourcemap':
      case 'x-sourcemap':
        return map(value)
      case 'refresh':
        return mapRefresh(value, map)
      case 'link':
        return mapLinks(value, map)
      case 'set-cookie':
        return scopeCookie(value, place, asked)
      // Alt-Svc names another place to connect to: callers reach the service through the gateway only.
      case 'alt-svc':
        return null
      default:
        return value
    }
  }

  return {
    rewrite(headers, asked) {
      const kept: string[] = []
      for (let i = 0; i < headers.length; i += 2) {
        const header = headers[i] as string
        const value = rewriteValue(header.toLowerCase(), headers[i + 1] as string, asked)
        // Any other header that contains the service's address.
        if (value !== null) kept.push(header, value.includes('//') ? value.replace(own, place.prefix) : value)
      }
      return kept
    },
  }
}

/** A name with a dot at its end is the same name (RFC 1034 §3.1). */
function relativeName(url: URL): URL {
  if (!url.hostname.endsWith('.')) return url
  const relative = new URL(url)
  relative.hostname = url.hostname.slice(0, -1)
  return relative
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

export interface ServicePlace {
  /** The path of the service's URL, without the last slash. */
  readonly base: string
  /** `/services/<name>`. */
  readonly prefix: string
}

/**
 * A Set-Cookie value (RFC 6265 §5.2) with its Path below the prefix, and without a Domain, which is an internal name.
 * One without a Path has that of the request (§5.1.4), which is below the prefix unless the prefix itself was asked for.
 */
export function scopeCookie(cookie: string, place: ServicePlace, asked: string): string {
  const [pair = '', ...attributes] = cookie.split(';')
  let path: string | null = null
  const kept = [pair]
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=')
    const name = (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase()
    if (name === 'path') path = equals < 0 ? '' : attribute.slice(equals + 1).trim()
    else if (name !== 'domain') kept.push(attribute)
  }
  if (path?.startsWith('/')) kept.push(` Path=${scope(path, place)}`)
  else if (asked.split('?', 1)[0] === `${place.base}/`) kept.push(` Path=${place.prefix}`)
  return kept.join(';')
}

/** A path that covers the whole service, or none of it, becomes the service's. */
function scope(path: string, { base, prefix }: ServicePlace): string {
  return path === base || path.startsWith(`${base}/`) ? `${prefix}${path.slice(base.length)}` : prefix
}
