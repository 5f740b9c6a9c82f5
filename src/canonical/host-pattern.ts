/** Patterns of hosts in manifests: a canonical host, `*.example.com` (every name below it, not itself), or `*` (every name, no address). */
import { canonicalHost } from './host.ts'
import { canonicalAddress } from './ip-block.ts'

/** The pattern in its one spelling, IPv6 without brackets. `null` where it is not a pattern: a wildcard needs two labels after it. */
export function canonicalHostPattern(given: string): string | null {
  if (given === '*') return given
  const address = canonicalAddress(given)
  if (address !== null) return address
  if (given.startsWith('[')) return null
  const below = given.startsWith('*.')
  const host = hostOrNull(below ? given.slice(2) : given)
  if (!below || host === null) return host
  return host.includes('.') && !isAddress(host) ? `*.${host}` : null
}

/** Every host that `host` (canonical, or a pattern) matches is also matched by `pattern`. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === host) return true
  if (pattern === '*') return !isAddress(host)
  if (!pattern.startsWith('*.')) return false
  return host.startsWith('*.') ? host.slice(1).endsWith(pattern.slice(1)) : host.endsWith(pattern.slice(1)) && !isAddress(host)
}

function hostOrNull(given: string): string | null {
  try {
    return canonicalHost(given)
  } catch {
    return null
  }
}

/** Of what is canonical already. */
function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host)
}
