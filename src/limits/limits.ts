/** The limits station: buckets and concurrency per integration, arrivals per peer, breakers per origin. */
import {
  type BreakerReport,
  type BucketReport,
  type BucketSettings,
  bucketNames,
  type Integration,
  type Lease,
  type LimitSettings,
  type Limits,
  type LowestLevels,
  type Permit,
  shareOf,
} from '../core/index.ts'
import { createPace } from '../shares/index.ts'
import { Account } from './account.ts'
import { createBreakers } from './breakers.ts'
import { type After, HeldLease, type LeaseOptions } from './lease.ts'
import { type BodiesOptions, createHoldBody, createPeers } from './peers.ts'

export interface LimitsOptions extends BodiesOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** How pauses are waited for; by timers if absent. */
  readonly after?: After
  /** Arrivals of a peer that proves no integration. */
  readonly peerArrivals: LimitSettings['arrivals']
  readonly onBreakerChange: (integration: string, report: BreakerReport) => void
  /** What an integration keeps of its rates and concurrency, 1 where it is not throttled; after each change `rescale` is called. 1 where absent. */
  readonly shareKept?: (integration: string) => number
}

interface Held {
  /** As its manifest says now. */
  integration: Integration
  readonly account: Account
}

export interface LimitsStation extends Limits {
  /** After a reload: levels are kept, changed buckets are clamped, integrations that are gone are forgotten. */
  update(integrations: readonly Integration[]): void
  /** What it keeps of its limits has changed: what is in its buckets is cut to that as well. */
  rescale(integration: string): void
  /** It has asked for something since the start. */
  isUsed(integration: string): boolean
  report(integration: string): readonly BucketReport[]
  /** Since the last time it was asked; `null` of an integration that has no buckets. */
  lowest(integration: string): LowestLevels | null
  breakers(integration: string): readonly BreakerReport[]
}

/** Refusals of arrivals: a caller with tens of errors waits for none of them, one that floods gets few answers per second. */
const refusals = { perSecond: 50, burst: 200, maxWaitMs: 5000 }
/** All unidentified callers together. No integration can have this name. */
const unidentified = '-'

export function createLimits({
  now,
  after = wait,
  peerArrivals,
  onBreakerChange,
  shareKept = () => 1,
  ...bodies
}: LimitsOptions): LimitsStation {
  const accounts = new Map<string, Held>()
  // Those of `accounts` whose key is not an integration's name, by the name of the integration that asks in them.
  const shares = new Map<string, Set<Held>>()
  const arriveUnidentified = createPeers(peerArrivals, now)
  const waitForRefusal = createPace({ ...refusals, now })
  const breakers = createBreakers(now, onBreakerChange)
  const leaseOptions: LeaseOptions = { breakers, now, after }

  function accountOf(integration: Integration): Held {
    const share = shareOf(integration)
    let held = accounts.get(share)
    if (held === undefined) {
      held = { integration, account: new Account(limitsOf(integration), now()) }
      accounts.set(share, held)
      if (share !== integration.name) sharesOf(integration.name).add(held)
    }
    return held
  }

  const limitsOf = ({ name, limits }: Integration) => scaled(limits, shareKept(name))

  function sharesOf(name: string): Set<Held> {
    const found = shares.get(name) ?? new Set()
    shares.set(name, found)
    return found
  }

  /** The integration's own, and one per integration that its policy asks for. A scrape asks for every integration, so none looks through all accounts. */
  function accountsOf(name: string): readonly Held[] {
    const own = accounts.get(name)
    return own === undefined ? [] : [own, ...(shares.get(name) ?? [])]
  }

  return {
    arrive: (integration, peer) => (integration === null ? arriveUnidentified(peer) : accountOf(integration).account.arrive(now())),
    admit(permit, declaredBytes) {
      if (isEnvelope(permit)) return envelope
      const {
        request: { integration },
        claim: { origin },
      } = permit
      const { account } = accountOf(integration)
      return new HeldLease(integration, origin, account, account.admit(declaredBytes, now()), leaseOptions)
    },
    keepBack: (integration) => waitForRefusal(integration?.name ?? unidentified) ?? refusals.maxWaitMs,
    holdBody: createHoldBody(bodies),
    update(integrations) {
      const byName = new Map(integrations.map((integration) => [integration.name, integration]))
      shares.clear()
      for (const [share, held] of accounts) {
        const { name, askedFor } = held.integration
        const integration = byName.get(name)
        if (integration === undefined || (askedFor !== undefined && !byName.has(askedFor))) {
          // Open leases still settle with their account; new requests do not find it.
          accounts.delete(share)
          breakers.forget(share)
          continue
        }
        if (askedFor !== undefined) sharesOf(name).add(held)
        if (held.integration === integration) continue
        const { breaker } = integration
        held.account.reconfigure(limitsOf(integration), now())
        if (JSON.stringify(breaker) !== JSON.stringify(held.integration.breaker)) breakers.forget(share)
        held.integration = askedFor === undefined ? integration : { ...integration, askedFor }
      }
      // Full buckets are reported before the first request.
      for (const integration of integrations) accountOf(integration)
    },
    rescale(name) {
      for (const { integration, account } of accountsOf(name)) {
        account.reconfigure(limitsOf(integration), now())
        account.keepShare(shareKept(name), now())
      }
    },
    isUsed: (name) => accountsOf(name).some(({ account }) => account.isUsed),
    report: (name) => reportTogether(accountsOf(name).map(({ account }) => account.report(now()))),
    lowest: (name) => lowestOf(accountsOf(name).map(({ account }) => account.lowest(now()))),
    breakers: (name) => accountsOf(name).flatMap(({ integration }) => breakers.report(shareOf(integration))),
  }
}

/** Bursts stay what they are: a large body is slowed, and not refused for good. */
function scaled(limits: LimitSettings, share: number): LimitSettings {
  if (share === 1) return limits
  const slower = ({ rate, burst }: BucketSettings): BucketSettings => ({ rate: rate * share, burst })
  return {
    ...limits,
    arrivals: slower(limits.arrivals),
    requests: slower(limits.requests),
    bytesOut: slower(limits.bytesOut),
    bytesIn: slower(limits.bytesIn),
    concurrency: Math.max(1, Math.floor(limits.concurrency * share)),
  }
}

/** As if the buckets were one: what was taken from all of them, and the level of the lowest. */
function reportTogether([own = [], ...others]: readonly (readonly BucketReport[])[]): readonly BucketReport[] {
  if (others.length === 0) return own
  return own.map((bucket, index) => {
    const all = [bucket, ...others.flatMap((reports) => reports[index] ?? [])]
    const sumOf = (key: 'consumed' | 'allowed' | 'limited') => all.reduce((sum, report) => sum + report[key], 0)
    const level = Math.min(...all.map((report) => report.level))
    return { ...bucket, level, consumed: sumOf('consumed'), allowed: sumOf('allowed'), limited: sumOf('limited') }
  })
}

function lowestOf(all: readonly LowestLevels[]): LowestLevels | null {
  if (all.length < 2) return all[0] ?? null
  return Object.fromEntries(bucketNames.map((bucket) => [bucket, Math.min(...all.map((levels) => levels[bucket]))])) as LowestLevels
}

/**
 * A CONNECT that is intercepted: it reaches nothing by itself, and each request inside is admitted on its own. It has used up an
 * arrival, and holds a connection, which is counted with the connections.
 */
function isEnvelope({ request, decision }: Permit): boolean {
  return request.kind === 'tunnel' && decision.obligations.tls === 'intercept'
}

const envelope: Lease = {
  run: (effect) => effect(),
  sent: () => null,
  received: () => null,
  overdraw() {},
  leave() {},
  settle() {},
  breakerState: null,
  tokens: { requests: 0, bytesOut: 0, bytesIn: 0 },
}

/** Never early: a timer of Node may fire up to a millisecond before its time. */
function wait(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.ceil(ms))
  return () => clearTimeout(timer)
}
