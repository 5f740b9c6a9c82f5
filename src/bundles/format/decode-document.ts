/** A JSON or YAML file of a bundle as a value, bounded in size and depth; what readers could understand differently is refused. */
import { LineCounter, parseDocument, type YAMLError } from 'yaml'
import { badAlias } from '../../config/index.ts'
import type { Json } from '../../core/index.ts'
import { isRawNumber, NumberOutOfRange, parseJudgedJson, rawNumber } from '../../text/index.ts'
import { BundleError, decodeText } from './bundle-error.ts'

const maxJsonBytes = 50 * 1024 * 1024
/** YAML is read a hundred times slower than JSON. */
const maxYamlBytes = 4 * 1024 * 1024
const maxDepth = 1000

/** Throws `BundleError`. */
export function decodeDocument(origin: string, file: string, bytes: Uint8Array): Json {
  const isYaml = /\.ya?ml$/.test(file)
  const maxBytes = isYaml ? maxYamlBytes : maxJsonBytes
  if (bytes.length > maxBytes)
    throw new BundleError(origin, file, `is larger than ${maxBytes} bytes; split it${isYaml ? ', or write it as JSON' : ''}`)
  const text = decodeText(origin, file, bytes)
  const problem = (what: string) => new BundleError(origin, file, what)
  const value = isYaml ? parseYaml(text, problem) : parseJson(text, problem)
  checkValue(value, problem)
  return value
}

type Problem = (what: string) => BundleError

function parseYaml(text: string, problem: Problem): Json {
  const lines = new LineCounter()
  try {
    // As OPA reads it: merge keys count, and of duplicate keys the last. The parser's search for duplicates takes quadratic time.
    const document = parseDocument(text, {
      lineCounter: lines,
      merge: true,
      intAsBigInt: true,
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'error',
    })
    const [error] = [...document.errors, ...document.warnings] as YAMLError[]
    if (error !== undefined) throw problem(`is not readable as YAML at line ${lines.linePos(error.pos[0]).line} (${error.code})`)
    const alias = badAlias(document)
    if (alias !== null) throw problem(`has ${alias.why} at line ${lines.linePos(alias.offset).line}; write the value out`)
    // Aliases are bounded so that a small file cannot become a huge value.
    return document.toJS({ maxAliasCount: 100, reviver: withoutBigInts }) as Json
  } catch (error) {
    if (error instanceof BundleError) throw error
    const { message } = error as Error
    if (/alias count/i.test(message)) throw problem('has too many aliases; write the values out')
    throw problem(/call stack/.test(message) ? 'is nested too deeply' : 'is not readable as YAML')
  }
}

/** As OPA reads YAML: integers of 64 bits keep their digits, larger ones become doubles. */
function withoutBigInts(_key: unknown, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  if (value < -(2n ** 63n) || value >= 2n ** 64n || Number.isSafeInteger(Number(value))) return Number(value)
  return rawNumber(String(value))
}

/** Depth, numbers, keys and strings; without recursion, which a deep document would end. */
function checkValue(value: Json, problem: Problem): void {
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw problem(`is nested deeper than ${maxDepth} levels; flatten it`)
    const next: Json[] = []
    for (const value of level) {
      if (typeof value === 'string' && !value.isWellFormed()) throw problem('has a string with half a surrogate pair, which no text has')
      if (typeof value === 'number' && !Number.isFinite(value)) throw problem('has a number that JSON does not have')
      if (isRawNumber(value)) continue
      if (typeof value !== 'object' || value === null) {
        if (!['string', 'number', 'boolean'].includes(typeof value) && value !== null) throw problem('has a value that JSON does not have')
        continue
      }
      for (const [key, item] of Object.entries(value)) {
        if (key === '__proto__' || !key.isWellFormed()) throw problem('has the key "__proto__" or one that is not text; rename it')
        next.push(item)
      }
    }
    level = next
  }
}

export function parseJson(text: string, problem: (what: string) => BundleError): Json {
  try {
    return parseJudgedJson(text)
  } catch (error) {
    if (error instanceof NumberOutOfRange)
      throw problem(`${error.message}, which readers take for infinity, null or zero; write it as a string`)
    const { message } = error as Error
    if (message.startsWith('Unexpected end')) throw problem('is not JSON: it ends in the middle')
    const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? []
    const [, token = '?'] = /^Unexpected token '(.)'/u.exec(message) ?? []
    throw problem(line === undefined ? `is not JSON: a "${token}" where none may stand` : `is not JSON at line ${line}, column ${column}`)
  }
}
