/** The counters of one integration since the start. */
import type { Outcome, ProblemCode } from '../core/index.ts'
import type { Exemplar } from '../telemetry/index.ts'
import { Durations, noDurations } from './durations.ts'
import { Histogram } from './histogram.ts'

/** How a request ended, as reports and metrics count it. `aborted`: allowed, and broken off before the last byte of its answer. */
export const results = ['allowed', 'denied', 'limited', 'refused', 'failed', 'aborted'] as const
export type Result = (typeof results)[number]

/** Bytes of the bodies of one request, each way. */
const sizeBounds = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

export class Counters {
  /** When the first was counted, UTC. */
  readonly since = new Date().toISOString()
  readonly requests: Record<Result, number> = { allowed: 0, denied: 0, limited: 0, refused: 0, failed: 0, aborted: 0 }
  readonly problems: Partial<Record<ProblemCode, number>> = {}
  originErrors = 0
  sentBytes = 0
  receivedBytes = 0
  readonly sizes = { out: new Histogram(sizeBounds), in: new Histogram(sizeBounds) }
  readonly exchanges = new Durations()
  /** Tunnels and WebSockets, which last as long as their ends want; few integrations have any. */
  takeovers = noDurations

  /** `exemplar`: `null` where nothing leads to this request. */
  count(outcome: Outcome, exemplar: Exemplar | null): void {
    const { problem, brokenOff, sentBytes, receivedBytes, durationMs, phases, isTakeover } = outcome
    this.requests[resultOf(outcome)] += 1
    if (problem !== null) this.problems[problem] = (this.problems[problem] ?? 0) + 1
    else if (outcome.status >= 500) this.originErrors += 1
    this.sentBytes += sentBytes
    this.receivedBytes += receivedBytes
    if (isTakeover && this.takeovers === noDurations) this.takeovers = new Durations()
    const durations = isTakeover ? this.takeovers : this.exchanges
    if (problem === null) durations.total.recordMs(durationMs, exemplar)
    durations.recordPhases(phases, exemplar)
    if (problem !== null && !brokenOff) return
    this.sizes.out.record(sentBytes, exemplar)
    this.sizes.in.record(receivedBytes, exemplar)
  }
}

function resultOf({ problem, status, brokenOff }: Outcome): Result {
  if (problem === null) return 'allowed'
  if (brokenOff) return 'aborted'
  if (status === 403) return 'denied'
  if (status === 429) return 'limited'
  return status < 500 ? 'refused' : 'failed'
}
