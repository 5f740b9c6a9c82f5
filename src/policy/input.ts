/** The policy input, version 1 (rego/schemas/input.json), of which only what the policy can look at is written. */
import type { AccessRequest, Claim, Json, JsonObject, Needs } from '../core/index.ts'

/** Constant paths below `input`; `[]` is the whole document. */
export type InputPaths = readonly (readonly string[])[]

/** Beside the request: what the gateway knows of the integration's state. */
export type ReadContext = (integration: string, origin: string | null) => JsonObject

/** Writes the input document of one request as JSON text. */
export type WriteInput = (request: AccessRequest, claim: Claim) => string

/** Which parts of a request have to be read for a policy that looks at `paths`. */
export function needsOf(paths: InputPaths): Needs {
  const sees = (...wanted: string[]) => paths.some((path) => overlaps(path, wanted))
  const seesIn = (key: string) => sees('http', key) || sees('service', key)
  return { headers: seesIn('headers') || seesIn('query') || seesIn('segments'), body: seesIn('body'), context: sees('context') }
}

/** One path is a prefix of the other: looking at either lets something of the other be seen. */
function overlaps(path: readonly string[], wanted: readonly string[]): boolean {
  return path.slice(0, wanted.length).every((key, index) => key === wanted[index])
}

const integrationKeys = ['name', 'labels', 'identity'] as const
const requestKeys = ['id', 'time', 'door', 'kind', 'action'] as const

/**
 * The writer for a policy that looks at `paths`: what it cannot see is left out, top level and second level.
 * Every string is made well-formed (a lone surrogate makes the Wasm host throw and leak), by serialising to UTF-8.
 */
export function createWriteInput(paths: InputPaths, readContext: ReadContext): WriteInput {
  const sees = (...wanted: string[]) => paths.some((path) => overlaps(path, wanted))
  const integration = integrationKeys.filter((key) => sees('integration', key))
  const request = requestKeys.filter((key) => sees('request', key))
  const version = sees('version')
  const context = sees('context')
  const seenFacts = new Map<string, ReadonlySet<string>>()

  function factsSeen(kind: string, facts: JsonObject): ReadonlySet<string> {
    const known = seenFacts.get(kind)
    // Facts of a kind may differ in keys (headers only where needed): unknown keys are looked up again.
    if (known !== undefined && known.size >= 0 && Object.keys(facts).every((key) => known.has(key) || known.has(`-${key}`))) return known
    const seen = new Set(known)
    for (const key of Object.keys(facts)) seen.add(sees(kind, key) ? key : `-${key}`)
    seenFacts.set(kind, seen)
    return seen
  }

  return (access, claim) => {
    let text = version ? '{"version":1' : '{'
    if (integration.length > 0)
      text += `${text.length > 1 ? ',' : ''}"integration":${write(integration, (key) => (key === 'identity' ? access.identity : access.integration[key]))}`
    if (request.length > 0) text += `${text.length > 1 ? ',' : ''}"request":${write(request, (key) => requestValue(access, key))}`
    const { kind } = access
    if (sees(kind)) {
      const seen = factsSeen(kind, claim.facts)
      let facts = ''
      for (const key in claim.facts) if (seen.has(key)) facts += `${facts === '' ? '' : ','}"${key}":${stringify(claim.facts[key] as Json)}`
      text += `${text.length > 1 ? ',' : ''}"${kind}":{${facts}}`
    }
    if (context) text += `${text.length > 1 ? ',' : ''}"context":${stringify(readContext(access.integration.name, claim.origin))}`
    return `${text}}`
  }
}

function write<Key extends string>(keys: readonly Key[], value: (key: Key) => Json): string {
  let text = ''
  for (const key of keys) text += `${text === '' ? '{' : ','}"${key}":${stringify(value(key))}`
  return `${text}}`
}

function requestValue(access: AccessRequest, key: (typeof requestKeys)[number]): Json {
  return key === 'time' ? new Date(access.at).toISOString() : access[key]
}

// Control characters, quotes, backslashes and surrogates need JSON.stringify; most strings have none.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const plain = /^[^"\\\x00-\x1f\ud800-\udfff]*$/

function stringify(value: Json): string {
  if (typeof value === 'string') return plain.test(value) ? `"${value}"` : JSON.stringify(value.toWellFormed())
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return JSON.stringify(value, wellFormed)
}

/** JSON.stringify escapes lone surrogates in keys and values; the escape itself is what breaks the Wasm parser. */
function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  for (const key in value) {
    if (key.isWellFormed()) continue
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name.toWellFormed(), item]))
  }
  return value
}
