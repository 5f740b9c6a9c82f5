/** The policy input, version 1 (rego/schemas/input.json), of which only what the policy can look at is written. */
import { type AccessRequest, type Claim, type Json, type JsonObject, type Needs, resourceKinds } from '../core/index.ts'

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
  const opening = sees('version') ? '{"version":1,' : '{'
  const context = sees('context')
  const parts = new Map(resourceKinds.map((kind) => [kind, sees(kind) ? createWriteFacts(kind, sees) : null]))

  return (access, claim) => {
    let text = opening
    if (integration.length > 0)
      text += `"integration":${write(integration, (key) => (key === 'identity' ? access.identity : access.integration[key]))},`
    if (request.length > 0) text += `"request":${write(request, (key) => requestValue(access, key))},`
    if (context) text += `"context":${stringify(readContext(access.integration.name, claim.origin))},`
    const writeFacts = parts.get(access.kind)
    if (writeFacts == null) return text === '{' ? '{}' : `${text.slice(0, -1)}}`
    return `${text}"${access.kind}":${writeFacts(claim.facts)}}`
  }
}

/** Which keys of a kind can be seen is asked once a key, not once a request. */
function createWriteFacts(kind: string, sees: (...path: string[]) => boolean): (facts: JsonObject) => string {
  const seen = new Map<string, boolean>()
  return (facts) => {
    let text = ''
    for (const key in facts) {
      let visible = seen.get(key)
      if (visible === undefined) {
        visible = sees(kind, key)
        seen.set(key, visible)
      }
      if (visible) text += `${text === '' ? '{' : ','}"${key}":${stringify(facts[key] as Json)}`
    }
    return text === '' ? '{}' : `${text}}`
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
