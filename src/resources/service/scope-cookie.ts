/** A service's cookie belongs to the service: callers send it back to its prefix and to no other. */

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
