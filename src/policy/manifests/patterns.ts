/** Host and path patterns of manifests: what each spelling means, and which are refused because readers would disagree. */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'

/**
 * A canonical name or address, `*.example.com` (every name below example.com, not example.com itself), or `*`
 * (every name, no address). A wildcard needs two labels after it: `*.com` is nobody's intention.
 */
export const hostPattern = () =>
  z.string().transform((given, context) => {
    const host = canonicalHostPattern(given)
    if (host !== null) return host
    context.addIssue({
      code: 'custom',
      message: `"${given.slice(0, 100)}" is no host: expected a name, an address, "*.example.com" or "*"; no scheme, port or path`,
    })
    return z.NEVER
  })

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

function canonicalHostPattern(given: string): string | null {
  if (given === '*') return given
  if (isIP(given) === 4) return given
  if (isIP(given) === 6) return given.includes('%') ? null : new URL(`http://[${given}]`).hostname.slice(1, -1)
  if (!/^(?:\*\.)?[^\s*/:@?#[\]%\\]+$/.test(given)) return null
  const wildcard = given.startsWith('*.')
  const ascii = domainToASCII(wildcard ? given.slice(2) : given).replace(/\.$/, '')
  const labels = ascii.split('.')
  if (ascii === '' || ascii.length > 253 || !labels.every((one) => label.test(one))) return null
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return isIP(ascii) === 4 && !wildcard ? ascii : null
  return wildcard ? (labels.length < 2 ? null : `*.${ascii}`) : ascii
}

/**
 * A glob over a canonical path: `*` stands for any characters within one segment, `**` for any characters.
 * Nothing else is special, and what a canonical path cannot be is refused.
 */
export const pathPattern = () =>
  z
    .string()
    .startsWith('/', 'expected a path that begins with "/"')
    .refine((given) => /^[\w~.!$&'()*+,=:@%;/-]*$/.test(given), 'expected a path: no query, no fragment, nothing special but * and **')
    .refine(
      (given) =>
        !given.split('/').some((one, index, all) => one === '.' || one === '..' || (one === '' && index > 0 && index < all.length - 1)),
      'a canonical path has no "." or ".." segment and no "//"',
    )
    .refine((given) => !given.includes('***'), '* and ** are the only wildcards')

/** As `pathPattern`, below a root: no leading slash. */
export const filePattern = () =>
  z
    .string()
    .min(1)
    .refine(
      (given) => !/[\\[\]{}?!\p{Cc}]/u.test(given) && !given.startsWith('/'),
      'expected a path below the root: no leading slash, nothing special but * and **',
    )
    .refine((given) => !given.split('/').some((one) => one === '.' || one === '..' || one === ''), 'no "." or ".." segment and no "//"')
    .transform((given) => given.normalize('NFC'))
