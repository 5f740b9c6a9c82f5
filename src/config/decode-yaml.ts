/** YAML text through a zod schema; every problem with its line, what was expected, and the nearest known key. */
import { type Document, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { z } from 'zod'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { nearest } from './nearest.ts'

export interface YamlSource {
  /** For messages. */
  readonly file: string
  readonly text: string
}

type Path = readonly PropertyKey[]

/** Larger files are a mistake or an attack. */
const maxBytes = 256 * 1024

/** The decoded value (zod's output). Throws `ConfigError` and nothing else, whatever the text. */
export function decodeYaml<Schema extends z.ZodType>({ file, text }: YamlSource, schema: Schema): z.output<Schema> {
  const fail = (message: string): never => {
    throw new ConfigError([{ file, line: 0, column: 0, path: '', message }])
  }
  if (Buffer.byteLength(text) > maxBytes) fail(`the file is larger than ${maxBytes} bytes`)
  const lines = new LineCounter()
  let document: Document
  let value: unknown
  try {
    // Aliases are bounded so that a small file cannot become a huge value; the package's own look for duplicate keys is quadratic.
    document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, uniqueKeys: false })
    if (document.errors.length === 0) value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return fail(`not readable as YAML: ${(error as Error).message}`)
  }
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.slice(0, 20).map((error) => {
        const { line, col } = lines.linePos(error.pos[0])
        return { file, line, column: col, path: '', message: error.message }
      }),
    )
  }
  const twice = duplicateKeys(document)
  if (twice.length > 0) {
    throw new ConfigError(
      twice.map(({ key, offset }) => {
        const { line, col } = lines.linePos(offset)
        return { file, line, column: col, path: '', message: `the key "${key}" stands twice` }
      }),
    )
  }
  if (value === null || value === undefined) fail('the file is empty')
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as KnownSchema
  const problems = result.error.issues.flatMap((issue) => explain(issue, { file, document, lines, known }))
  throw new ConfigError(problems.sort((a, b) => a.line - b.line || a.column - b.column))
}

/** The last one would win silently, and a reader may have seen the first. */
function duplicateKeys(document: Document): { key: string; offset: number }[] {
  const found: { key: string; offset: number }[] = []
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : String(key)
        if (seen.has(name)) found.push({ key: String(name).slice(0, 100), offset: isNode(key) ? (key.range?.[0] ?? 0) : 0 })
        seen.add(name)
      }
    },
  })
  return found.slice(0, 20)
}

interface Place {
  readonly file: string
  readonly document: Document
  readonly lines: LineCounter
  readonly known: KnownSchema
}

function explain(issue: z.core.$ZodIssue, place: Place): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const candidates = keysAt(place.known, issue.path)
    return issue.keys.map((key) => {
      const guess = nearest(key, candidates)
      return problem(
        place,
        [...issue.path, key],
        `unknown key${guess === null ? '' : `; did you mean "${guess}"?`} (known: ${candidates.join(', ')})`,
      )
    })
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return [problem(place, issue.path, missing ? `is missing; expected ${issue.expected}` : issue.message)]
}

function problem({ file, document, lines }: Place, path: Path, message: string): ConfigProblem {
  const { line, col } = lines.linePos(offsetOf(document, path))
  return { file, line, column: col, path: path.map(String).join('.'), message }
}

/** Where the value at `path` begins; of its nearest parent that exists where it is missing. A key's own place for unknown keys. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    if (typeof parent === 'object' && parent !== null && 'items' in parent) {
      for (const item of parent.items as { key?: unknown }[]) {
        if (isNode(item?.key) && 'value' in item.key && item.key.value === key) return item.key.range?.[0] ?? 0
      }
    }
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node)) return node.range?.[0] ?? 0
  }
  return isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0
}

interface KnownSchema {
  readonly properties?: Readonly<Record<string, KnownSchema>>
  readonly items?: KnownSchema
  readonly additionalProperties?: KnownSchema | boolean
  readonly anyOf?: readonly KnownSchema[]
}

function keysAt(schema: KnownSchema, path: Path): readonly string[] {
  let level: readonly KnownSchema[] = alternatives(schema)
  for (const key of path) {
    level = level.flatMap((one) => {
      const next =
        typeof key === 'number'
          ? one.items
          : (one.properties?.[String(key)] ?? (typeof one.additionalProperties === 'object' ? one.additionalProperties : undefined))
      return next === undefined ? [] : alternatives(next)
    })
  }
  return [...new Set(level.flatMap((one) => Object.keys(one.properties ?? {})))]
}

function alternatives(schema: KnownSchema): readonly KnownSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternatives)
}
