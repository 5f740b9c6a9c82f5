/** YAML text as a value with the position of each part; text that readers could understand differently is a problem. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { ConfigProblem } from './config-error.ts'
import { maxTextBytes } from './read-text.ts'

export interface YamlSource {
  /** For messages. */
  readonly file: string
  readonly text: string
}

export type Path = readonly PropertyKey[]

export interface YamlDocument {
  /** `undefined` where the text is not readable at all. */
  readonly value: unknown
  readonly problems: readonly ConfigProblem[]
  /** The position of the key of `path`, or of the item of a list; of its nearest existing parent where it is missing. */
  problemAt(path: Path, message: string): ConfigProblem
}

/** Never throws. */
export function readYaml({ file, text }: YamlSource): YamlDocument {
  const lines = new LineCounter()
  const at = (offset: number, path: Path, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col, path: path.map(String).join('.'), message }
  }
  const unreadable = (problems: readonly ConfigProblem[]): YamlDocument => ({
    value: undefined,
    problems,
    problemAt: (path, message) => ({ file, line: 0, column: 0, path: path.map(String).join('.'), message }),
  })
  const whole = (message: string) => unreadable([{ file, line: 0, column: 0, path: '', message }])
  if (Buffer.byteLength(text) > maxTextBytes) return whole(`is larger than ${maxTextBytes} bytes`)
  try {
    // Duplicate keys are looked for below: the parser's own search takes quadratic time.
    const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, uniqueKeys: false, logLevel: 'error' })
    const errors = [...document.errors, ...document.warnings]
    if (errors.length > 0) return unreadable(errors.map((error) => at(error.pos[0], [], explainSyntax(error))))
    if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2')
      return whole('another version of YAML than 1.2, in which words mean other things')
    const problems = oddities(document, (offset, message) => at(offset, [], message))
    const alias = badAlias(document)
    if (alias !== null)
      return unreadable([...problems, at(alias.offset, [], alias.isText ? bareStar : `${alias.why}; write the value out`)])
    // Aliases are bounded so that a small file cannot become a huge value.
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return { value, problems, problemAt: (path, message) => at(offsetOf(document, path), path, message) }
  } catch (error) {
    return whole(`not readable as YAML: ${explainThrown(error as Error)}`)
  }
}

/** A host pattern without quotes: `*.example.com` names an anchor to YAML. */
const bareStar = 'what begins with "*" is an alias to YAML: put it in quotes, as in "*.example.com"'

/** Without the text that the parser quotes: it may be a secret in a wrong place. */
function explainSyntax({ code, message }: YAMLError): string {
  if (code === 'TAG_RESOLVE_FAILED') return 'a tag that means nothing here; only plain YAML is read'
  if (code === 'MULTIPLE_DOCS') return 'more than one document in one file'
  if (/call stack/.test(message)) return 'nested too deeply'
  if (/^Alias/.test(message)) return bareStar
  if (/reserved character/.test(message)) return `${message.replace(/: ".*$/s, '')}: put the value in quotes`
  return message.replace(/: ".*$/s, '')
}

function explainThrown({ message }: Error): string {
  if (/alias count/.test(message)) return 'too many aliases'
  return /call stack/.test(message) ? 'nested too deeply' : 'the parser failed'
}

/** Duplicate keys (the last would win), keys that are not words, and strings that are not Unicode text. */
function oddities(document: Document, problem: (offset: number, message: string) => ConfigProblem): ConfigProblem[] {
  const found: ConfigProblem[] = []
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<string>()
      for (const { key } of items) {
        const offset = offsetIn(key)
        // zod passes over a `__proto__` in a map of free keys without a word.
        if (!isScalar(key) || key.value === '__proto__') found.push(problem(offset, 'a key must be a plain word'))
        else if (seen.has(String(key.value))) found.push(problem(offset, `the key "${String(key.value).slice(0, 100)}" is there twice`))
        else seen.add(String(key.value))
      }
    },
    Scalar(_key, node) {
      // Lone surrogates cannot be passed on as UTF-8, and a NUL ends a string for some readers.
      if (typeof node.value === 'string' && (!node.value.isWellFormed() || node.value.includes('\0')))
        found.push(problem(offsetIn(node), 'a NUL or half a surrogate pair, which no text has'))
    },
  })
  return found
}

function offsetOf(document: Document, path: Path): number {
  let offset = offsetIn(document.contents)
  let node: unknown = document.contents
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = pairOf(node, key)
      if (pair === undefined) return offset
      offset = offsetIn(pair.key, offset)
      node = pair.value
    } else {
      node = isSeq(node) ? node.items[Number(key)] : undefined
      if (node === undefined) return offset
      offset = offsetIn(node, offset)
    }
  }
  return offset
}

function pairOf({ items }: YAMLMap, key: PropertyKey) {
  return items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
}

function offsetIn(node: unknown, otherwise = 0): number {
  return isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise
}

export interface BadAlias {
  /** Its offset in the text. */
  readonly offset: number
  readonly why: string
  /** Most likely it is meant to be text that begins with `*`, such as a host or a path. */
  readonly isText: boolean
}

/** The first such alias; `null` where every alias refers to a complete value before it. */
export function badAlias(document: Document): BadAlias | null {
  const anchored = new Map<string, Node>()
  let found: BadAlias | null = null
  visit(document, {
    Node(_key, node, path) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchored.set(node.anchor, node)
        return undefined
      }
      const value = anchored.get(node.source)
      if (value !== undefined && !path.some((node) => isNode(node) && node === value)) return undefined
      const why = value === undefined ? 'an alias before its anchor, or without one' : 'an alias inside its own anchor'
      found = { offset: node.range?.[0] ?? 0, why, isText: value === undefined && /[./*]/.test(node.source) }
      return visit.BREAK
    },
  })
  return found
}
