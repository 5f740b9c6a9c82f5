/** Host and path patterns of manifests: what each spelling means, and which are refused because readers would disagree. */
import { z } from 'zod'
import { canonicalHostPattern } from '../canonical/index.ts'

/**
 * A canonical name or address, `*.example.com` (every name below example.com, not example.com itself), or `*`
 * (every name, no address). A wildcard needs two labels after it: `*.com` would be a mistake.
 */
export const hostPattern = () =>
  z
    .string()
    .meta({ title: 'host' })
    .transform((given, context) => {
      const host = canonicalHostPattern(given)
      if (host !== null) return host
      context.addIssue({
        code: 'custom',
        // A URL that was pasted here may hold a password.
        message: `${given.includes('@') ? 'this' : `"${given.slice(0, 100)}"`} is not a host: ${whyNoHost(given)}`,
      })
      return z.NEVER
    })

function whyNoHost(given: string): string {
  if (given.includes('://')) return 'expected a name alone, without scheme, port and path'
  if (/^[^:[\]]+:\d+$|\]:\d+$/.test(given)) return 'expected a name alone; the port is an item of "ports"'
  if (given.includes('/')) return 'expected a name alone; the path is an item of "paths", a block of addresses one of "addresses"'
  if (/^\*\.[^.*]+$/.test(given)) return 'a wildcard needs two labels after it, as in "*.example.com"'
  if (given.includes('*'))
    return 'a wildcard is the whole first label, as in "*.example.com" (every name below it), or "*" alone (every name)'
  return 'expected a name, an address, "*.example.com" or "*"; no scheme, port or path'
}

/**
 * A glob over a canonical path: `*` stands for any characters within one segment but an encoded slash, `**` for any
 * characters. Nothing else is special, and what a canonical path cannot be is refused.
 */
export const pathPattern = () =>
  z
    .string()
    .meta({ title: 'path glob' })
    .regex(/^(?:\/|\*$)/, {
      error: ({ input }) =>
        String(input).includes('://')
          ? 'expected a path that begins with "/", without scheme and host'
          : 'expected a path that begins with "/", or "*" alone for OPTIONS of a whole server',
      abort: true,
    })
    .refine((given) => pathCharacters.test(given), { error: ({ input }) => whyNoPath(String(input)) })
    .refine(
      (given) => !given.split(/\/|%2F/).some((segment) => segment === '.' || segment === '..'),
      'a canonical path has no "." or ".." segment',
    )
    .refine((given) => !given.includes('***'), '* and ** are the only wildcards')
    .refine(isCanonicallyEncoded, 'no canonical path is encoded like this: upper-case hex, and only of what must be encoded')

const pathCharacters = /^[\w~.!$&'()*+,=:@%;/-]*$/

function whyNoPath(given: string): string {
  if (/[?#]/.test(given)) return 'expected a path: no query, no fragment, nothing special but * and **'
  if (/[{}[\]\\^|]/.test(given)) return 'nothing special but * and **: they stand for anything within one segment, and for anything'
  return given.isWellFormed() && given.length <= 200
    ? `what must be percent-encoded is written so: "${encodeURI(given)}"`
    : 'what must be percent-encoded is written so'
}

/** RFC 3986 §6.2.2, as the doors canonicalise: a pattern in another spelling would match nothing. */
function isCanonicallyEncoded(pattern: string): boolean {
  for (const [, hex = ''] of pattern.matchAll(/%(.{0,2})/g)) {
    if (!/^[0-9A-F]{2}$/.test(hex)) return false
    const code = Number.parseInt(hex, 16)
    if (code < 0x20 || code === 0x7f || /[\w~.\\-]/.test(String.fromCharCode(code))) return false
  }
  return true
}

/** As `pathPattern`, below a root: no leading slash. */
export const filePattern = () =>
  z
    .string()
    .meta({ title: 'path glob' })
    .min(1)
    .refine(
      (given) => !/[\\[\]{}?!\p{Cc}]/u.test(given) && !given.startsWith('/'),
      'expected a path below the root: no leading slash, nothing special but * and **',
    )
    .refine(
      (given) => given.startsWith('/') || !given.split('/').some((segment) => segment === '.' || segment === '..' || segment === ''),
      'no "." or ".." segment and no "//"',
    )
    .refine((given) => !given.includes('***'), '* and ** are the only wildcards')
    .transform((given) => given.normalize('NFC'))
