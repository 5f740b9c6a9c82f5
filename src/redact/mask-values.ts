/** Masks the values of sensitive names in a text, for any syntax that marks a name and the end of its value. */
import { masked } from './known-secrets.ts'

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
