/** The few functions that nearly every policy calls, in the cases where a line of JavaScript gives exactly what OPA gives. */
import type { Revive } from '../../core/index.ts'

/** `undefined`: not one of those cases, ask the library. */
export type Quick = (operands: readonly string[], atMs: number) => string | undefined

export const quickBuiltins: Readonly<Record<string, Quick>> = {
  'time.now_ns': (_operands, atMs) => `${Math.trunc(atMs)}000000`,
  sprintf: ([format = '', values = '']) => sprintf(format, values),
}

/** Verbs %s of strings, %d of integers and %v of both, as many as there are values; nothing else. */
function sprintf(format: string, values: string): string | undefined {
  const given = listOf(values)
  const written: unknown = given === undefined ? undefined : JSON.parse(format)
  if (given === undefined || typeof written !== 'string') return undefined
  const pieces = written.split('%')
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

/** Strings, whatever stands in them, and integers that a double holds exactly. Rego's own values (sets) are no JSON. */
function listOf(text: string): readonly (string | number)[] | undefined {
  try {
    // What may be a number in another spelling, or part of a string, is looked at value by value.
    const list = JSON.parse(text, /\d[.eE]|-0/.test(text) ? plainNumbers : undefined) as unknown
    return Array.isArray(list) && list.every(isSimple) ? list : undefined
  } catch {
    return undefined
  }
}

function isSimple(value: unknown): value is string | number {
  return typeof value === 'string' ? value.isWellFormed() : Number.isSafeInteger(value)
}

/** 1.0, 1e3 and -0 are integers to JavaScript, and are printed otherwise by OPA: they become null. */
const plainNumbers: Revive = (_key, value, context) =>
  typeof value === 'number' && context?.source !== undefined && context.source !== String(value) ? null : value
