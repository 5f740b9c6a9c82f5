/** Finds `name=value` in queries, URLs and texts, in whatever depth of percent-encoding, and masks the values of telling names. */
import { masked } from './known-secrets.ts'

/** What may stand before a name: the start, or a separator, as it is or encoded (`%3F`, `%253F`, …). */
const before = String.raw`(?:^|[?&;#\s"'{,(]|%(?:25){0,3}(?:3F|26|3B|23|20|0A|22|27|7B|2C|28))`
/** Of any plain characters, and of encoded ones that do not separate. */
const name = String.raw`((?:[\w.[\]$:@~-]|%(?:25){0,3}(?!3F|26|3B|23|20|0A|22|27|7B|2C|28|3D|25)[0-9A-F]{2}){1,128})`
const assignment = new RegExp(`${before}${name}(=|%(?:25){0,3}3D)`, 'gi')

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
  let shown = ''
  let done = 0
  assignment.lastIndex = 0
  for (let match = assignment.exec(text); match !== null; match = assignment.exec(text)) {
    const [, key = '', equals = ''] = match
    // What is no secret may hold names of its own: `next=?token=…`.
    if (!isSecret(decodeAll(key))) continue
    const start = match.index + match[0].length
    const end = endOf(query ? queryEnds : textEnds, equals, text, start)
    shown += `${text.slice(done, start)}${end > start ? masked : ''}`
    done = end
    assignment.lastIndex = end
  }
  return done === 0 ? text : shown + text.slice(done)
}

function endOf(ends: readonly RegExp[], equals: string, text: string, start: number): number {
  const pattern = ends[equals === '=' ? 0 : (equals.length - 1) / 2] as RegExp
  pattern.lastIndex = start
  return pattern.exec(text)?.index ?? text.length
}

/** As deep as it is encoded; what is no UTF-8 stays as it is. */
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
