/** Requests as the audit log recorded them. */
import { judgedQueryOf, pathForms, segmentsOf } from '../canonical/index.ts'
import { type AccessRequest, Claim, type Integration, type Json, type JsonObject, type ResourceKind } from '../core/index.ts'
import { queryOf } from '../text/index.ts'
import { type UnseenPart, unseenOf } from './unrecorded-parts.ts'

/** The members of a `decided` record that matter here (docs/reference/audit.md). */
export interface DecidedRecord {
  readonly type: 'decided'
  readonly id: string
  /** The tunnel that it came inside of. */
  readonly parent?: string
  readonly time: string
  readonly door: string
  readonly integration: string
  readonly identity: string
  readonly kind: ResourceKind
  readonly action: string
  readonly subject: JsonObject
  readonly allow: boolean
  readonly rule: string
  readonly capability?: string
  readonly reasons?: readonly string[]
  readonly revision: string
}

export function isDecided(record: unknown): record is DecidedRecord {
  return typeof record === 'object' && record !== null && (record as { type?: unknown }).type === 'decided'
}

/** `undefined`: the integration has no manifest. */
export type Find = (integration: string) => Integration | undefined

/** A request as far as a record holds it. */
export interface RecordedRequest {
  readonly request: AccessRequest
  readonly claim: Claim
  /** What of the input it does not hold. */
  readonly unseen: readonly UnseenPart[]
}

/** Throws nothing: what is masked or cut in the record is left out of the facts. */
export function requestOf(record: DecidedRecord, find: Find): RecordedRequest {
  const { id, door, identity, kind, action, subject, time } = record
  const integration = find(record.integration) ?? nameless(record.integration)
  const hidden = Object.keys(subject).filter((key) => !isWhole(subject[key] as Json))
  const facts: Record<string, Json> = {}
  for (const [key, value] of Object.entries(subject)) if (key !== 'query' && !hidden.includes(key)) facts[key] = value as Json
  if (kind === 'file') facts['action'] ??= action
  if (kind === 'http' || kind === 'service') {
    const { path, query = '' } = subject
    // Forms that the rest of a path shows are there whatever is masked in it.
    if (typeof path === 'string') Object.assign(facts, pathForms(path), !hidden.includes('path') && { segments: segmentsOf(path) })
    if (typeof query === 'string') {
      const judged = judgedQueryOf(integration, query)
      if (!hidden.includes('query')) Object.assign(facts, { query: queryOf(query) }, judged)
      else if (judged.judgedQuery !== undefined) hidden.push('judgedQuery')
    }
  }
  const request = { id, door, identity, kind, action, integration, at: Date.parse(time), target: facts } as unknown as AccessRequest
  const claim = Claim.of(request, neverPerformed, { facts, subject, origin: null })
  return { request, claim, unseen: unseenOf(kind, facts, hidden) }
}

/** Texts are cut beyond 4096 characters, secrets in them are masked, and what is not Unicode is replaced (docs/reference/audit.md). */
function isWhole(value: Json): boolean {
  return typeof value !== 'string' || !(value.endsWith('…[cut]') || value.includes('[redacted]') || value.includes('\ufffd'))
}

function neverPerformed(): never {
  throw new Error('a recorded request is only evaluated, never performed')
}

function nameless(name: string): Integration {
  return { name, labels: {} } as unknown as Integration
}
