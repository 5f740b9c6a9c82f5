/** Rego as its authors write it, in the tests that need some. */

/**
 * The text without the indentation that all its lines share, indented with tabs as `opa fmt` does it, with one end of
 * line. Backslashes stand for themselves; a backtick is written `` \` ``. A value is put in as it is.
 */
export function rego({ raw }: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const gap = '\0'
  const lines = raw.join(gap).replaceAll('\\`', '`').split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const shared = lines.length === 1 ? 0 : Math.min(...indents)
  const indented = (line: string) => line.slice(shared).replace(/^( {2})+/, (spaces) => '\t'.repeat(spaces.length / 2))
  const text = lines.map(indented).join('\n')
  const given = values[Symbol.iterator]()
  return `${text.replaceAll(gap, () => String(given.next().value)).trim()}\n`
}
