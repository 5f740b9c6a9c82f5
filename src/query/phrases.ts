/** Free text: words that stand behind one another in one text of a record, as the index finds them, of a record that is at hand. */

/** The filter cannot be asked. */
export class FilterError extends Error {
  override readonly name = 'FilterError'
}

const letterOrDigit = /[\p{L}\p{N}]/u

/** Throws `FilterError` where it has no word. */
export function requireWord(phrase: string): void {
  if (!letterOrDigit.test(phrase)) throw new FilterError(`"${phrase}" has no letter and no digit to look for`)
}

/** Whether it stands in what `textsOf` gives of a record. A last word that ends with `*` is the beginning of one. Throws as `requireWord`. */
export function phraseTest(phrase: string): (texts: string) => boolean {
  requireWord(phrase)
  const words = wordsOf(phrase)
  const looked = phrase.endsWith('*') ? words.trimEnd() : words
  return (texts) => wordsOf(texts).includes(looked)
}

/** As the index has them: without case and accents. */
function wordsOf(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return ` ${(plain.match(/[\p{L}\p{N}\p{Co}]+/gu) ?? []).join(' ')} `
}
