/** What is wrong with a bundle, in one line: where it came from, the file inside, what was expected and what to do. */

export class BundleError extends Error {
  /** URL or path of the bundle. */
  readonly origin: string
  /** The file inside; `null` where it is the bundle as a whole. */
  readonly file: string | null

  constructor(origin: string, file: string | null, problem: string) {
    super(visible(`${origin}: ${file === null ? '' : `${shortened(file)}: `}${problem}`))
    this.name = 'BundleError'
    this.origin = origin
    this.file = file
  }
}

/** For names that a bundle or a server chose, inside a message. */
export function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** Line ends, terminal escapes and direction marks would let a bundle write lines of its own into a log or a terminal. */
function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}
