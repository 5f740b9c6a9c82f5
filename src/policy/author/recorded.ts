/** Requests as the audit log recorded them, judged again. */
import {
  type AccessRequest,
  type Claim,
  type Decision,
  type Integration,
  type Json,
  type JsonObject,
  pathForms,
  type ResourceKind,
} from '../../core/index.ts'
import { type InputSight, memberOf, placesOf } from '../projection.ts'

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
  readonly reasons?: readonly string[]
  readonly revision: string
}

export function isDecided(record: unknown): record is DecidedRecord {
  return typeof record === 'object' && record !== null && (record as { type?: unknown }).type === 'decided'
}

const unrecordedKeys = ['headers', 'query', 'body'] as const

/** What of the input a policy of this sight can look at and no record holds, as its rules would write it. */
export function unrecordedOf(sight: InputSight): readonly string[] {
  const root = placesOf(sight)
  const inside = ['http', 'service'].flatMap((kind) =>
    unrecordedKeys.filter((key) => memberOf(memberOf(root, kind), key) !== undefined).map((key) => `input.${kind}.${key}`),
  )
  return memberOf(root, 'context') === undefined ? inside : [...inside, 'input.context']
}

/** `null`: the integration has no manifest. */
export type Find = (integration: string) => Integration | undefined

/** The request and claim that a record stands for, as far as it holds them. */
export function requestOf(record: DecidedRecord, find: Find): { request: AccessRequest; claim: Claim } {
  const { id, door, identity, kind, action, subject, time } = record
  const integration = find(record.integration) ?? nameless(record.integration)
  const facts: Record<string, Json> = {}
  for (const [key, value] of Object.entries(subject)) if (key !== 'query') facts[key] = value as Json
  if (kind === 'file') facts['action'] ??= action
  if ((kind === 'http' || kind === 'service') && typeof subject['path'] === 'string')
    Object.assign(facts, { segments: segmentsOf(subject['path']), ...pathForms(subject['path']) })
  const request = { id, door, identity, kind, action, integration, at: Date.parse(time), target: facts } as unknown as AccessRequest
  return {
    request,
    claim: {
      facts,
      subject,
      origin: null,
      perform: () => Promise.reject(new Error('a recorded request is judged, never performed')),
    } as Claim,
  }
}

/** As src/resources/http/facts.ts splits it. */
function segmentsOf(path: string): readonly string[] {
  if (path === '/') return []
  return path === '*' ? ['*'] : path.slice(1).split('/')
}

function nameless(name: string): Integration {
  return { name, labels: {} } as unknown as Integration
}

export interface RecordedDifference {
  readonly record: DecidedRecord
  readonly decision: Decision
}

export interface Replayed {
  readonly decisions: number
  /** Of these the log holds only a part: whatever they would be judged by was not what was asked. */
  readonly skipped: number
  readonly differences: readonly RecordedDifference[]
}

export type Decide = (request: AccessRequest, claim: Claim) => Decision

/** Judges each record again; differences are told where the answer changed. */
export async function replay(
  records: AsyncIterable<DecidedRecord>,
  decide: Decide,
  find: Find,
  afterEach: () => Promise<void> = async () => {},
): Promise<Replayed> {
  let decisions = 0
  let skipped = 0
  const differences: RecordedDifference[] = []
  for await (const record of records) {
    if (!isWhole(record.subject)) {
      skipped += 1
      continue
    }
    const { request, claim } = requestOf(record, find)
    const decision = decide(request, claim)
    decisions += 1
    if (decision.allow !== record.allow) differences.push({ record, decision })
    await afterEach()
  }
  return { decisions, skipped, differences }
}

/** A path is cut beyond 4096 characters, and secrets in it are masked (docs/reference/audit.md). No HTTP path holds a "…". */
function isWhole({ path }: JsonObject): boolean {
  return typeof path !== 'string' || !(path.endsWith('…[cut]') || path.includes('[redacted]'))
}
