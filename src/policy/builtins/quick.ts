/** The few functions that nearly every policy calls, in the cases where a line of JavaScript gives exactly what OPA gives. */

/** `undefined`: not one of those cases, ask the library. */
export type Quick = (operands: readonly string[], atMs: number) => string | undefined

export const quickBuiltins: Readonly<Record<string, Quick>> = {
  'time.now_ns': (_operands, atMs) => `${Math.trunc(atMs)}000000`,
  sprintf: ([format = '', values = '']) => sprintf(format, values),
}

/** Verbs %s of strings, %d of integers and %v of both, as many as there are values; nothing else. */
function sprintf(format: string, values: string): string | undefined {
  const given = listOf(values)
  if (given === undefined) return undefined
  const pieces = (JSON.parse(format) as string).split('%')
  if (pieces.length - 1 !== given.length) return undefined
  let text = pieces[0] ?? ''
  for (const [index, value] of given.entries()) {
    const piece = pieces[index + 1] ?? ''
    const verb = piece[0]
    const fits = typeof value === 'string' ? verb === 's' || verb === 'v' : verb === 'd' || verb === 'v'
    if (!fits) return undefined
    text += `${value}${piece.slice(1)}`
  }
  return JSON.stringify(text)
}

/** Strings and integers that a double holds exactly; sets and other values of Rego's own are no JSON or begin with a brace. */
function listOf(text: string): readonly (string | number)[] | undefined {
  if (!/^\[(?:[^{]*)\]$/.test(text)) return undefined
  try {
    const list = JSON.parse(text) as unknown[]
    const simple = list.every((item) => (typeof item === 'string' && item.isWellFormed()) || Number.isSafeInteger(item))
    // 1.0 and 1e3 are integers to JavaScript and are printed otherwise by OPA.
    return simple && !/\d[.eE]/.test(text) ? (list as (string | number)[]) : undefined
  } catch {
    return undefined
  }
}
