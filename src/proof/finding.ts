/** What is wrong with a log, and where. */

export interface Finding {
  /** Below the log's folder. */
  readonly file: string
  /** From 1; 0 in a file without lines, and where it is the file itself. */
  readonly line: number
  /** Of the first bad byte, or of the first byte of the record or hash that is bad; 0 where it is the file itself. */
  readonly offset: number
  readonly what: string
  /** `sallyport audit continue` has recorded it: the log was closed behind it, and a new one begun. */
  readonly isClosed: boolean
}

export type Report = (place: Pick<Finding, 'file' | 'line' | 'offset'>, what: string) => void

/** More than these are counted, and not kept: a log of which every record is bad is bad enough. */
const maxFindings = 100

export class Findings {
  readonly #list: Finding[] = []

  readonly report: Report = ({ file, line, offset }, what) => {
    const isKnown = this.#list.some((found) => found.file === file && found.offset === offset && found.what === what)
    if (this.#list.length < maxFindings && !isKnown) this.#list.push({ file, line, offset, what, isClosed: false })
  }

  /** File by file, the first that was found first, and within a file from its beginning on. */
  sorted(): readonly Finding[] {
    return [...Map.groupBy(this.#list, ({ file }) => file).values()].flatMap((found) => found.toSorted((a, b) => a.offset - b.offset))
  }

  /** Of a file as a whole. */
  readonly reportFile = (file: string, what: string, offset = 0): void => this.report({ file, line: 0, offset }, what)
}

/** Where it is, for people: a line where the file has lines, a byte where it has none. */
export function placeOf({ file, line, offset }: Pick<Finding, 'file' | 'line' | 'offset'>): string {
  if (line > 0) return `${file}:${line}${offset > 0 ? ` (byte ${offset})` : ''}`
  return offset > 0 ? `${file} at byte ${offset}` : file
}
