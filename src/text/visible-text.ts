/** Text from outside inside a message: one line, with everything that would act on a terminal escaped. */

/**
 * Line ends, terminal escapes, direction marks and what else is not seen (Unicode's Cc and Cf) as `\uXXXX`: they would let it
 * write lines of its own into a log or a terminal, or look like another. Of JSON the value stays the same.
 */
export function visibleText(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (run) => run.split('').map(escaped).join(''))
}

/** The same of a text of several lines, which stay lines, and tabs, which indent them. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visibleText)
}

function escaped(codeUnit: string): string {
  return `\\u${codeUnit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
