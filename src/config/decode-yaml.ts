/** YAML text through a zod schema; every problem with its line, what was expected, and the nearest known key. */
import { z } from 'zod'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { plainWords, suggest } from './schema-messages.ts'
import { type Path, readYaml, type YamlSource } from './yaml-document.ts'

/** Problems beyond this number are only counted: a reader does not need them, and a hostile file must not cost time with them. */
const maxProblems = 100

/** The decoded value (zod's output). Throws `ConfigError` with every problem, and nothing else for any text. */
export function decodeYaml<Schema extends z.ZodType>(source: YamlSource, schema: Schema): z.output<Schema> {
  const document = readYaml(source)
  if (document.value === undefined || document.value === null)
    throw new ConfigError(document.problems.length > 0 ? bounded(document.problems) : [document.problemAt([], 'the file is empty')])
  const result = schema.safeParse(document.value, { error: plainWords })
  if (result.success && document.problems.length === 0) return result.data
  // As JSON Schema it costs more than all the rest, and only unknown keys need it.
  let known: KnownSchema | null = null
  const knownKeys = (path: Path) => {
    known ??= z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as KnownSchema
    return keysAt(known, path)
  }
  const issues = (result.error?.issues ?? []).flatMap((issue) => explain(issue, knownKeys))
  const kept = issues.slice(0, maxProblems).map(({ path, message }) => document.problemAt(path, message))
  throw new ConfigError(bounded([...document.problems, ...kept], issues.length - kept.length))
}

/** In the order of the file. */
function bounded(problems: readonly ConfigProblem[], uncounted = 0): readonly ConfigProblem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const shown = sorted.slice(0, maxProblems)
  const more = sorted.length - shown.length + uncounted
  const [first] = shown
  return more === 0 || first === undefined
    ? shown
    : [...shown, { ...first, line: 0, column: 0, path: '', message: `and ${more} more problems` }]
}

interface Explained {
  readonly path: Path
  readonly message: string
}

function explain(issue: z.core.$ZodIssue, knownKeys: (path: Path) => readonly string[]): Explained[] {
  if (issue.code === 'unrecognized_keys') {
    const candidates = knownKeys(issue.path)
    // Guessing is slow where there is much to guess.
    const guesses = issue.keys.length <= maxProblems
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `unknown key${guesses ? suggest(key, candidates) : ''} (known: ${candidates.join(', ')})`,
    }))
  }
  // A key's own problem is inside the issue of its map.
  if (issue.code === 'invalid_key') return [{ path: issue.path, message: issue.issues[0]?.message ?? issue.message }]
  return [{ path: issue.path, message: issue.message }]
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
    level = level.flatMap((schema) => {
      const next =
        typeof key === 'number'
          ? schema.items
          : (schema.properties?.[String(key)] ??
            (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined))
      return next === undefined ? [] : alternatives(next)
    })
  }
  return [...new Set(level.flatMap((schema) => Object.keys(schema.properties ?? {})))]
}

function alternatives(schema: KnownSchema): readonly KnownSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternatives)
}
