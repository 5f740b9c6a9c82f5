/** Finds `name=value` in queries, URLs and texts, at any depth of percent-encoding, and masks the values of sensitive names. */
import { masked } from './known-secrets.ts'

const separators = '3F|26|3B|23|20|0A|22|27|7B|2C|28|2F'
/** What may stand before a name: the start, or a separator, as it is or encoded (`%3F`, `%253F`, …). */
const before = String.raw`(?:^|[?&;#\s"'{,(/|>*!\\]|%(?:25){0,3}(?:${separators}))`
/** Any plain characters, and encoded characters that do not separate. */
const name = String.raw`((?:[\w.[\]$:@~-]|%(?:25){0,3}(?!${separators}|3D|25)[0-9A-F]{2}){1,512})`
/** What may stand between a name and its `=`: the end of `user["name"]`, and blanks, which readers of forms trim or pass over. */
const after = String.raw`(?:(?:["']|%(?:25){0,3}2[27])(?:\]|%(?:25){0,3}5D))?(?:\+|%(?:25){0,3}20){0,4}`
const assignment = new RegExp(`${before}${name}${after}(=|%(?:25){0,3}3D)`, 'gi')

/** A member of a JSON document, or of what looks like one: its name in quotes, and a colon. */
const quote = String.raw`\\?["']|%(?:25){0,3}2[27]`
const blank = String.raw`(?:[\s+]|%(?:25){0,3}20){0,8}`
const member = new RegExp(`(?:${quote})${name}(?:${quote})${blank}(?::|%(?:25){0,3}3A)${blank}(${quote})?`, 'gi')
const plainValueEnds = /[,}\]&#\s]|%(?:25){0,3}(?:2C|7D|5D|26)/gi

/**
 * A value ends where the next begins, as deeply encoded as its own `=` at most: `a%26b` is one value of `password=a%26b`.
 * In texts for people a space, a quote, `;` and `,` end it as well; in a query they are characters of it.
 */
const endsOf = (plain: string): readonly RegExp[] =>
  ['', '|%26|%23', '|%(?:25)?(?:26|23)', '|%(?:25){0,2}(?:26|23)', '|%(?:25){0,3}(?:26|23)'].map(
    (encoded) => new RegExp(`${plain}${encoded}`, 'gi'),
  )
const queryEnds = endsOf('[&#]')
const textEnds = endsOf(String.raw`[&#\s"';,]`)

/** `isSecret` hears decoded names. `query`: the text is a query and nothing else. */
export function maskAssignments(text: string, isSecret: (name: string) => boolean, query: boolean): string {
  const isSecretDecoded = (encoded: string) => isSecret(decodeAll(encoded))
  const shown = maskValues(text, assignment, isSecretDecoded, ([, , equals = ''], start) => {
    const quoted = query ? undefined : /["']/y
    if (quoted !== undefined) quoted.lastIndex = start
    const opening = quoted?.exec(text)?.[0]
    return opening === undefined ? endOf(query ? queryEnds : textEnds, equals, text, start) : closingOf(text, opening, start + 1) + 1
  })
  if (!mayHoldMember.test(shown)) return shown
  return maskValues(shown, member, isSecretDecoded, ([, , opening], start) => {
    if (opening !== undefined) return closingOf(shown, opening, start)
    plainValueEnds.lastIndex = start
    return plainValueEnds.exec(shown)?.index ?? shown.length
  })
}

const mayHoldMember = /["']\s{0,8}:|%(?:25){0,3}2[27]/i

/** The end of the text where it is not closed. An escaped quote is a character of the value. */
function closingOf(text: string, opening: string, from: number): number {
  for (let at = text.indexOf(opening, from); at >= 0; at = text.indexOf(opening, at + opening.length)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return at
  }
  return text.length
}

function endOf(ends: readonly RegExp[], equals: string, text: string, start: number): number {
  const pattern = ends[equals === '=' ? 0 : (equals.length - 1) / 2] as RegExp
  pattern.lastIndex = start
  return pattern.exec(text)?.index ?? text.length
}

/** As deep as it is encoded; what is not UTF-8 stays as it is. */
export function decodeAll(text: string): string {
  let decoded = text
  for (let depth = 0; depth < 5 && decoded.includes('%'); depth += 1) {
    try {
      const next = decodeURIComponent(decoded)
      if (next === decoded) break
      decoded = next
    } catch {
      break
    }
  }
  return decoded
}

/**
 * `pattern` is global, ends where a value begins, and has the name as its first group. `endOfValue`: where the value ends that begins at
 * `start`; below zero, or beyond the text, where the text ends with it.
 */
export function maskValues(
  text: string,
  pattern: RegExp,
  isSecret: (name: string) => boolean,
  endOfValue: (match: RegExpExecArray, start: number) => number,
): string {
  let shown = ''
  let done = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    // A value that is not a secret may contain further names: `next=?token=…`.
    if (!isSecret(match[1] ?? '')) continue
    const start = pattern.lastIndex
    const found = endOfValue(match, start)
    const end = found < 0 ? text.length : Math.min(text.length, found)
    shown += `${text.slice(done, start)}${end > start ? masked : ''}`
    done = end
    pattern.lastIndex = end
  }
  return done === 0 ? text : shown + text.slice(done)
}
