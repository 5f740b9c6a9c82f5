/** The chain: each line of the log holds the SHA-256 of the line before it (docs/reference/audit.md). */
import { hash } from 'node:crypto'

/** What the first line of a log points to. */
export const genesis = hash('sha256', 'sallyport audit log v1')

/** Hex SHA-256 of a line's UTF-8 bytes, without its newline. */
export function hashLine(line: string | Buffer): string {
  return hash('sha256', line)
}

/** The complete lines of a segment: they end at 0x0A and nowhere else. */
export function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  let from = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
  return lines
}

/** Some readers take these for line ends, and JSON leaves them as they are (RFC 8259 §7): no text from outside may begin a line. */
export function oneLine(line: string): string {
  // Twice `includes` costs nothing for a string of one-byte characters, and a regular expression reads all of them.
  const isOne = !line.includes('\u2028') && !line.includes('\u2029')
  return isOne ? line : line.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
