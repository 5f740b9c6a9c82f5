/** The policy input, version 1 (rego/schemas/input.json), of which only what the policy can look at is written. */
import { type AccessRequest, type Claim, type Json, type JsonObject, type Needs, resourceKinds } from '../core/index.ts'
import { isJsonObject, parseExactJson, stringify } from '../text/index.ts'
import { type InputReads, memberOf, type Place, placesOf, writeProjected } from './projection.ts'

/** Beside the request: what the gateway knows of the integration's state. */
export type ReadContext = (integration: string, origin: string | null) => JsonObject

/** Writes the input document of one request as JSON text. */
export type WriteInput = (request: AccessRequest, claim: Claim) => string

/** Which parts of a request have to be read for a policy that reads these of the input. */
export function needsOf(reads: InputReads): Needs {
  const root = placesOf(reads)
  const seen = (kind: string, key: string) => memberOf(memberOf(root, kind), key) !== undefined
  const seenIn = (key: string) => seen('http', key) || seen('service', key)
  return {
    headers: seenIn('headers') || seenIn('query') || seenIn('segments'),
    body: seenIn('body'),
    context: memberOf(root, 'context') !== undefined,
  }
}

/** A body that is there and was not read; src/resources/http/facts.ts says it so. */
export function hasUnreadBody({ body }: JsonObject): boolean {
  return (body as { readonly type?: Json } | undefined)?.type === 'unread'
}

/** By kind, the path (a JSON array) of the body where a policy that reads these looks at it; always the same list. */
export function bodyPathsOf(reads: InputReads): ReadonlyMap<string, readonly string[]> {
  const root = placesOf(reads)
  const seeing = resourceKinds.filter((kind) => memberOf(memberOf(root, kind), 'body') !== undefined)
  return new Map(seeing.map((kind) => [kind, [JSON.stringify([kind, 'body'])]]))
}

const integrationKeys = ['name', 'labels', 'identity'] as const
const requestKeys = ['id', 'time', 'door', 'kind', 'action'] as const

/** The writer for a policy that reads these: everything else is left out, and so is a body that was not read. */
export function createWriteInput(reads: InputReads, readContext: ReadContext): WriteInput {
  const root = placesOf(reads)
  const integration = memberOf(root, 'integration')
  const request = memberOf(root, 'request')
  const context = memberOf(root, 'context')
  const integrationMembers = membersOf(integration, integrationKeys)
  const requestMembers = membersOf(request, requestKeys)
  const opening = memberOf(root, 'version') ? '{"version":1,' : '{'
  const parts = new Map(resourceKinds.map((kind) => [kind, createWriteFacts(memberOf(root, kind))]))

  return (access, claim) => {
    let text = opening
    if (integration !== undefined)
      text += `"integration":${write(integrationMembers, (key) => (key === 'identity' ? access.identity : access.integration[key]))},`
    if (request !== undefined) text += `"request":${write(requestMembers, (key) => requestValue(access, key))},`
    if (context !== undefined) text += `"context":${writeProjected(context, readContext(access.integration.name, claim.origin))},`
    const writeFacts = parts.get(access.kind)
    if (writeFacts == null) return text === '{' ? '{}' : `${text.slice(0, -1)}}`
    return `${text}"${access.kind}":${writeFacts(claim.facts)}}`
  }
}

type Members<Key extends string> = readonly (readonly [Key, Place])[]

function membersOf<Key extends string>(place: Place | undefined, keys: readonly Key[]): Members<Key> {
  return keys.flatMap((key) => {
    const member = memberOf(place, key)
    return member === undefined ? [] : [[key, member] as const]
  })
}

/** `null`: the policy cannot see this kind at all. Which of its keys can be seen is looked up once per key, not once per request. */
function createWriteFacts(place: Place | undefined): ((facts: JsonObject) => string) | null {
  if (place === undefined) return null
  const members = new Map<string, Place | undefined>()
  return (facts) => {
    let text = ''
    for (const key in facts) {
      let member = members.get(key)
      if (member === undefined && !members.has(key)) {
        member = memberOf(place, key)
        members.set(key, member)
      }
      if (member !== undefined && !(key === 'body' && hasUnreadBody(facts)))
        text += `${text === '' ? '{' : ','}"${key}":${member.whole ? stringify(facts[key] as Json) : writeProjected(member, facts[key] as Json)}`
    }
    return text === '' ? '{}' : `${text}}`
  }
}

function write<Key extends string>(members: Members<Key>, value: (key: Key) => Json): string {
  let text = ''
  for (const [key, place] of members) text += `${text === '' ? '{' : ','}"${key}":${writeProjected(place, value(key))}`
  return text === '' ? '{}' : `${text}}`
}

function requestValue(access: AccessRequest, key: (typeof requestKeys)[number]): Json {
  return key === 'time' ? new Date(access.at).toISOString() : access[key]
}

/** A decision without a part holds for any value of it: for this one, too. `unread`: `["http","body"]`. */
export function withUnread(input: string, unread: readonly string[]): string {
  let document = parseExactJson(input) as JsonObject
  for (const path of unread) document = withPart(document, JSON.parse(path) as string[])
  return unread.length === 0 ? input : stringify(document)
}

function withPart(document: JsonObject, [key = '', ...below]: readonly string[]): JsonObject {
  const present = Object.hasOwn(document, key) ? document[key] : undefined
  const part = below.length === 0 ? { type: 'unread' } : withPart(isJsonObject(present) ? present : {}, below)
  return { ...document, [key]: part }
}
