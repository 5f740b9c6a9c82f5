/** Keeps a record one line, and within what a reader must be able to take: whatever a caller or an operator sends, what exceeds it is cut. */

/** By design; an entry bundle could hold 65,535. */
const maxBytes = 32 * 1024
/** Texts of more characters are cut, and lists of more elements: the first of these lengths with which the record fits. */
const lengths = [2048, 512, 128, 32]

/** `json`: of an object, with `seq`, `time` and `type`. The same where it fits. */
export function fitRecord(json: string): string {
  const line = oneLine(json)
  // A character has at most three bytes: nothing is counted for nearly all records.
  if (line.length * 3 <= maxBytes || Buffer.byteLength(line) <= maxBytes) return line
  for (const length of lengths) {
    const cut = oneLine(JSON.stringify(JSON.parse(line, (_key, value: unknown) => cutValue(value, length))))
    if (Buffer.byteLength(cut) <= maxBytes) return cut
  }
  // Thousands of members: what remains says when, what, and of which request.
  const { seq, time, type, id } = JSON.parse(line) as Record<string, unknown>
  return JSON.stringify({ seq, time, type, id, cut: true })
}

function cutValue(value: unknown, length: number): unknown {
  if (typeof value === 'string' && value.length > length) return `${value.slice(0, length).toWellFormed()}…[cut]`
  if (Array.isArray(value) && value.length > length) return value.slice(0, length)
  return value
}

/** Some readers take these for line ends, and JSON leaves them as they are (RFC 8259 §7): no text from outside may begin a line. */
function oneLine(line: string): string {
  // Twice `includes` costs nothing for a string of one-byte characters, and a regular expression reads all of them.
  const isOne = !line.includes('\u2028') && !line.includes('\u2029')
  return isOne ? line : line.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
