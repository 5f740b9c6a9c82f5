/** What of the gateway itself watching is told: quotas that are nearly used, disk and log in danger, sinks behind, certificates and tokens that end. */
import { X509Certificate } from 'node:crypto'
import type { AuditStation, Room } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { BreakerReport, BucketReport } from '../core/index.ts'
import type { WatchEvent } from '../detect/index.ts'
import type { SinkStatus } from './sink-reports.ts'

export interface ConditionSources {
  readonly config: Pick<Config, 'admin' | 'services'>
  readonly names: () => readonly string[]
  readonly limits: {
    isUsed(integration: string): boolean
    report(integration: string): readonly BucketReport[]
    breakers(integration: string): readonly BreakerReport[]
  }
  readonly room: () => Room
  readonly audit: () => Pick<ReturnType<AuditStation['status']>, 'broken' | 'stalled'>
  readonly sinks: () => readonly SinkStatus[]
  /** Since the start; `null`: nothing is compared. */
  readonly differences: () => number | null
  readonly authority: () => Promise<{ readonly certificate: X509Certificate }>
}

export interface Conditions {
  /** What is to be told now: what has begun, and what holds still and was not told for long. */
  look(): Promise<readonly WatchEvent[]>
  /** What holds now, as it was told. */
  holding(): readonly Omit<WatchEvent, 'at'>[]
}

/** Integrations whose buckets are looked at in one turn: requests wait for no more. */
const integrationsPerLook = 500
const nearlyUsed = 0.8
/** A bucket that is full again sooner is a bound of speed, and no quota. */
const quotaRefillMs = 60_000
const behindSeconds = 60
const nearlyExpiredMs = 30 * 24 * 3_600_000
const againMs = 60_000
const expiryAgainMs = 6 * 3_600_000

type Condition = Omit<WatchEvent, 'at'> & { readonly key: string; readonly againMs: number }

export function createConditions(sources: ConditionSources, now: () => number = Date.now): Conditions {
  const toldAt = new Map<string, { readonly at: number; readonly condition: Condition }>()
  let turn = 0
  let differences = 0
  let expiriesAt = Number.NEGATIVE_INFINITY
  let expiries: readonly Condition[] = []

  async function look(): Promise<readonly WatchEvent[]> {
    const at = now()
    if (Math.abs(at - expiriesAt) >= againMs) {
      expiriesAt = at
      expiries = await expiring(sources, at)
    }
    const names = sources.names()
    const looked = Array.from(
      { length: Math.min(integrationsPerLook, names.length) },
      (_, index) => names[(turn + index) % names.length] as string,
    )
    turn = names.length === 0 ? 0 : (turn + looked.length) % names.length
    const holds = [...looked.filter(sources.limits.isUsed).flatMap(ofIntegration), ...ofGateway(), ...expiries]
    const isLooked = new Set<string | null>([...looked, null])
    for (const { condition } of [...toldAt.values()])
      if (isLooked.has(condition.integration) && !holds.some(({ key }) => key === condition.key)) toldAt.delete(condition.key)
    return [...holds.flatMap((condition) => tell(condition, at)), ...compared(at)]
  }

  function tell(condition: Condition, at: number): readonly WatchEvent[] {
    const told = toldAt.get(condition.key)
    if (told !== undefined && Math.abs(at - told.at) < condition.againMs) return []
    toldAt.set(condition.key, { at, condition })
    const { type, integration, destination, facts } = condition
    return [{ type, integration, destination, facts, at }]
  }

  function ofIntegration(integration: string): readonly Condition[] {
    const { limits } = sources
    const quotas = limits.report(integration).flatMap((bucket) => quotaOf(integration, bucket))
    const breakers = limits
      .breakers(integration)
      .flatMap(({ origin, state }): Condition[] =>
        state === 'closed'
          ? []
          : [{ key: `breaker ${integration} ${origin}`, type: 'breaker', integration, destination: origin, facts: { state }, againMs }],
      )
    return [...quotas, ...breakers]
  }

  function ofGateway(): readonly Condition[] {
    const [room, { broken, stalled }] = [sources.room(), sources.audit()]
    const disk = {
      title: `The disk of the audit log is ${room === 'full' ? 'full' : 'nearly full'}`,
      detail: room === 'full' ? 'New work is refused.' : 'Once it is full, new work is refused.',
    }
    const log = { title: 'The audit log takes no records', detail: broken ? 'It is broken.' : 'Its disk has taken nothing for long.' }
    return [
      ...(room === 'enough' ? [] : [aboutGateway('disk', 'disk', disk)]),
      ...(broken || stalled ? [aboutGateway('log', 'log', log)] : []),
      ...sources.sinks().flatMap(({ name, problem, lagSeconds, lagRecords }) => {
        if (problem === null && lagSeconds <= behindSeconds) return []
        const title = `The sink ${name} of the audit log ${problem === null ? 'is behind' : 'takes nothing'}`
        const detail = problem ?? `Its oldest record is ${Math.round(lagSeconds)} s old.`
        return [aboutGateway(`sink ${name}`, 'sink', { title, detail, sink: name, value: Math.max(1, Math.round(lagSeconds)), lagRecords })]
      }),
    ]
  }

  /** Each is told: two differences are two. */
  function compared(at: number): readonly WatchEvent[] {
    const count = sources.differences() ?? 0
    const more = count - differences
    differences = count
    return more > 0 ? [{ type: 'reference', integration: null, destination: null, facts: { count: more }, at }] : []
  }

  return {
    look,
    holding: () =>
      [...toldAt.values()].map(({ condition: { type, integration, destination, facts } }) => ({ type, integration, destination, facts })),
  }
}

function quotaOf(integration: string, { bucket, capacity, refillPerSecond, level }: BucketReport): readonly Condition[] {
  const used = capacity - Math.max(0, level)
  if (refillPerSecond <= 0 || (capacity / refillPerSecond) * 1000 < quotaRefillMs || used < capacity * nearlyUsed) return []
  const refillMs = Math.round((used / refillPerSecond) * 1000)
  const facts = { name: `The quota ${bucket}`, bucket, used: Math.round(used), limit: capacity, refillMs }
  return [{ key: `quota ${integration} ${bucket}`, type: 'quota', integration, destination: null, facts, againMs }]
}

async function expiring({ config, authority }: ConditionSources, at: number): Promise<readonly Condition[]> {
  const { certificate } = await authority()
  const served = config.admin.tcp?.tls?.certificate
  const ends = [
    expiry('certificate', 'The CA', Date.parse(certificate.validTo)),
    ...(served === undefined
      ? []
      : [expiry('certificate', 'The certificate of admin.tcp.tls', Date.parse(new X509Certificate(served).validTo))]),
    ...config.services.flatMap(({ name, headers }) =>
      headers.flatMap(({ value, name: header }) => {
        const expiresAt = expiryOfToken(value)
        return expiresAt === null ? [] : [expiry('token', `The token of the service ${name} (${header})`, expiresAt)]
      }),
    ),
  ]
  return ends.filter(({ facts }) => facts.expiresAt - at < nearlyExpiredMs)
}

function expiry(type: 'certificate' | 'token', name: string, expiresAt: number) {
  const facts = { name, expiresAt, detail: `It ends at ${new Date(expiresAt).toISOString()}.` }
  return { ...aboutGateway(`${type} ${name}`, type, {}), facts, againMs: expiryAgainMs }
}

/** Of a JWT (RFC 7519 §4.1.4), which nothing here verifies; `null` of any other. */
function expiryOfToken(header: string): number | null {
  const [, payload] = /(?:^|\s)eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+$/.exec(header) ?? []
  if (payload === undefined) return null
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown }
    return typeof exp === 'number' && Number.isFinite(new Date(exp * 1000).getTime()) ? exp * 1000 : null
  } catch {
    return null
  }
}

function aboutGateway(key: string, type: WatchEvent['type'], facts: WatchEvent['facts']): Condition {
  return { key, type, integration: null, destination: null, facts, againMs }
}
