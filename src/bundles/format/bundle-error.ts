/** The files of a bundle by name and text, and what is wrong with one: its origin, the file, what was expected and what to do. */
import { visibleText } from '../../text/index.ts'

export class BundleError extends Error {
  /** URL or path of the bundle. */
  readonly origin: string
  /** The file inside; `null` where it is the bundle as a whole. */
  readonly file: string | null

  constructor(origin: string, file: string | null, problem: string) {
    super(visibleText(`${origin}: ${file === null ? '' : `${shortened(file)}: `}${problem}`))
    this.name = 'BundleError'
    this.origin = origin
    this.file = file
  }
}

/** For names that a bundle or a server chose, inside a message. */
export function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

const maxNameBytes = 4096

/** OPA writes `/acme/data.json`, tar `./acme/data.json`; both are `acme/data.json`. */
export function normalizeName(given: string): { readonly name: string } | { readonly problem: string } {
  if (given.includes('\ufffd')) return { problem: `the name "${shortened(given)}" is not UTF-8; rename the file` }
  if (/[\p{Cc}\\]/u.test(given))
    return { problem: `the name "${shortened(given)}" has a control character or a backslash; rename the file` }
  if (Buffer.byteLength(given) > maxNameBytes) return { problem: `the name "${shortened(given)}" is longer than ${maxNameBytes} bytes` }
  const segments = given.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) return { problem: `the name "${shortened(given)}" leads out of the bundle; build the bundle again` }
  if (segments.length === 0) return { problem: 'an entry has no name; build the bundle again' }
  return { name: segments.join('/') }
}

/** Throws `BundleError` where they are not UTF-8: they would otherwise become U+FFFD in silence. */
export function decodeText(origin: string, file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BundleError(origin, file, 'is not UTF-8; save it as UTF-8')
  }
}
