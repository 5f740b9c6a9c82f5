/** The one spelling of a path inside a bundle, `acme/data.json`, or why it is not one. */
import { shortened } from './bundle-error.ts'

const maxNameBytes = 4096

/** OPA writes `/acme/data.json`, tar `./acme/data.json`; both are `acme/data.json`. */
export function normalizeName(given: string): { readonly name: string } | { readonly problem: string } {
  if (given.includes('\ufffd')) return { problem: `the name "${shortened(given)}" is not UTF-8; rename the file` }
  if (/[\p{Cc}\\]/u.test(given))
    return { problem: `the name "${shortened(given)}" has a control character or a backslash; rename the file` }
  if (Buffer.byteLength(given) > maxNameBytes) return { problem: `the name "${shortened(given)}" is longer than ${maxNameBytes} bytes` }
  const segments = given.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) return { problem: `the name "${shortened(given)}" leads out of the bundle; build the bundle anew` }
  if (segments.length === 0) return { problem: 'an entry has no name; build the bundle anew' }
  return { name: segments.join('/') }
}
