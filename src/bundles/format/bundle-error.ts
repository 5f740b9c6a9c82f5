/** What is wrong with a bundle, in one line: where it came from, the file inside, what was expected and what to do. */
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
