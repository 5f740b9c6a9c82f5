/** The functions that many policies call, in the cases where some lines of JavaScript give exactly what OPA gives. */
import type { Revive } from '../../text/index.ts'
import { createGlobMatch } from './glob.ts'

/** `undefined`: not handled here, ask the library. Operands and answer are values as text. */
export type Quick = (operands: readonly string[], atMs: number) => string | undefined

export function createJsBuiltins(): Readonly<Record<string, Quick>> {
  const globMatch = createGlobMatch()
  return { ...quick, 'glob.match': ([pattern = '', delimiters = '', text = '']) => globMatch(pattern, delimiters, text) }
}

const quick: Readonly<Record<string, Quick>> = {
  'time.now_ns': (_operands, atMs) => `${Math.trunc(atMs)}000000`,
  sprintf: ([format = '', values = '']) => sprintf(format, values),
  plus: (operands) => ofIntegers(operands, (a, b) => a + b),
  minus: (operands) => ofIntegers(operands, (a, b) => a - b),
  mul: (operands) => ofIntegers(operands, (a, b) => a * b),
  rem: (operands) => ofIntegers(operands, (a, b) => (b === 0n ? undefined : a % b)),
  // Only without a remainder; a zero may be negative.
  div: (operands) => (operands.every(isSmall) ? ofIntegers(operands, quotient) : undefined),
  abs: ([value = '']) => (isSmall(value) ? value.replace('-', '') : undefined),
  round: ([value = '']) => (isSmall(value) ? value : undefined),
  ceil: ([value = '']) => (isSmall(value) ? value : undefined),
  floor: ([value = '']) => (isSmall(value) ? value : undefined),
  to_number: ([value = '']) => (isSmall(value) ? value : isSmall(value.slice(1, -1)) && value[0] === '"' ? value.slice(1, -1) : undefined),
  format_int: ([value = '', base = '']) => (isSmall(value) && bases.has(base) ? `"${Number(value).toString(Number(base))}"` : undefined),
  'numbers.range': ([from = '', to = '']) => (isSmall(from) && isSmall(to) ? range(Number(from), Number(to)) : undefined),
  sum: ([values = '']) => ofSmall(values, (list) => list.reduce((sum, value) => sum + value, 0)),
  lower: ([value = '']) => ofAscii(value, (text) => text.toLowerCase()),
  upper: ([value = '']) => ofAscii(value, (text) => text.toUpperCase()),
  trim_space: ([value = '']) => ofAscii(value, (text) => text.replace(/^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g, '')),
  'base64.encode': ([value = '']) => ofText(value, (text) => Buffer.from(text).toString('base64')),
  // Inside the WebAssembly, except these.
  replace: ([value = '', old = '', put = '']) => (old === '""' ? ofAscii(value, (text) => between(text, parsed(put))) : undefined),
  concat: ([separator = '', set = '']) => concatSet(separator, set),
  'object.union_n': ([objects]) => (objects === '[]' ? '{}' : undefined),
  'net.cidr_contains': ([block = '', address = '']) => cidrContains(block, address),
}

/** An integer as OPA writes it, of 32 bits at most. */
function isSmall(text: string): boolean {
  return /^(?:0|-?[1-9]\d{0,8})$/.test(text)
}

const bases: ReadonlySet<string> = new Set(['2', '8', '10', '16'])

/** Of two integers of any size that are written as such. */
function ofIntegers([a = '', b = '']: readonly string[], of: (a: bigint, b: bigint) => bigint | undefined): string | undefined {
  const isInteger = /^(?:0|-?[1-9]\d{0,99})$/
  return isInteger.test(a) && isInteger.test(b) ? of(BigInt(a), BigInt(b))?.toString() : undefined
}

function quotient(a: bigint, b: bigint): bigint | undefined {
  return a !== 0n && b !== 0n && a % b === 0n ? a / b : undefined
}

/** Longer texts go to the library, which can be stopped. */
const longestRange = 10_000

function range(from: number, to: number): string | undefined {
  const length = Math.abs(to - from) + 1
  if (length > longestRange) return undefined
  const step = from <= to ? 1 : -1
  return `[${Array.from({ length }, (_, index) => from + index * step).join()}]`
}

function ofSmall(text: string, of: (values: readonly number[]) => number): string | undefined {
  const values = text.startsWith('[') ? text.slice(1, -1).split(',') : []
  return values.every(isSmall) && values.length > 0 && values.length <= longestRange ? String(of(values.map(Number))) : undefined
}

/** Letters of other scripts differ between versions of Unicode. */
function ofAscii(value: string, of: (text: string) => string | undefined): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  return ofText(value, (text) => (/^[\x00-\x7f]*$/.test(text) ? of(text) : undefined))
}

/** Of a string. Most are written as they are: without an escape in between there is nothing to parse. */
function ofText(value: string, of: (text: string) => string | undefined): string | undefined {
  const text = parsed(value)
  const answer = text === undefined ? undefined : of(text)
  return answer === undefined ? undefined : JSON.stringify(answer)
}

/** `undefined`: not a string. */
function parsed(value: string): string | undefined {
  if (!value.startsWith('"')) return undefined
  const text = value.includes('\\') ? (JSON.parse(value) as string) : value.slice(1, -1)
  return text.isWellFormed() ? text : undefined
}

/** Where nothing is replaced: before each character (OPA: before each byte), and at the end. */
function between(text: string, put: string | undefined): string | undefined {
  return put === undefined ? undefined : [put, ...[...text].flatMap((character) => [character, put])].join('')
}

/** A set of strings in OPA's order, which is that of their bytes. */
function concatSet(separator: string, set: string): string | undefined {
  const between = parsed(separator)
  const list = set === 'set()' ? [] : set.startsWith('{"') ? listOf(`[${set.slice(1, -1)}]`) : undefined
  if (between === undefined || list === undefined || !list.every((item) => typeof item === 'string')) return undefined
  return JSON.stringify(list.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join(between))
}

/** Verbs %s of strings, %d of integers and %v of both, as many as there are values; nothing else. */
function sprintf(format: string, values: string): string | undefined {
  const given = listOf(values)
  const written = parsed(format)
  if (given === undefined || written === undefined) return undefined
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

/** Strings of any content, and integers that a double holds exactly. Rego's own values (sets) are not JSON. */
function listOf(text: string): (string | number)[] | undefined {
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

/** Values as text. `undefined`: not such a case. */
export function cidrContains(block: string, address: string): string | undefined {
  const [, network = '', bits = ''] = /^"([\d.]+)\/(\d|[12]\d|3[012])"$/.exec(block) ?? []
  const [, host = ''] = /^"([\d.]+)"$/.exec(address) ?? []
  const [base, asked] = [numberOf(network), numberOf(host)]
  if (base === null || asked === null) return undefined
  const size = 2 ** (32 - Number(bits))
  return String(Math.floor(base / size) === Math.floor(asked / size))
}

function numberOf(text: string): number | null {
  const parts = text.split('.')
  const plain = parts.length === 4 && parts.every((part) => /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/.test(part))
  return plain ? parts.reduce((number, part) => number * 256 + Number(part), 0) : null
}
