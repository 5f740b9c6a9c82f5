/** Text of others inside a message: one line, whatever it does to a terminal. */

/** Line ends, terminal escapes and direction marks would let it write lines of its own into a log or a terminal. */
export function visibleText(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}
