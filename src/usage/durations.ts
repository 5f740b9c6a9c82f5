/** How long the requests of one integration took, in total and by phase, as histograms. */
import type { Phases } from '../core/index.ts'
import type { Exemplar } from '../telemetry/index.ts'
import { Histogram } from './histogram.ts'

/** As metrics name them. */
export const phaseNames = ['policy', 'queue', 'connect', 'first_byte', 'body', 'record'] as const
type PhaseName = (typeof phaseNames)[number]

/** Seconds: up to 10 s those that Prometheus's libraries have from the start. */
const totalBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600]

/** Each bucket of the quantiles ends 5 % above the one before it, from a microsecond to an hour. */
const growth = Math.log(1.05)
export const fineBuckets = Math.ceil(Math.log(3_600_000_000) / growth) + 1

export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** What quantiles are made from, as it is kept over restarts. */
export interface LatencyCounts {
  readonly maxMs: number
  /** Place of a bucket that is not empty, and how many are in it; in order. */
  readonly counts: readonly (readonly [number, number])[]
}

export class Latency extends Histogram {
  readonly #fine = new Uint32Array(fineBuckets)
  #maxMs = 0

  constructor() {
    super(totalBounds)
  }

  /** Milliseconds, of which the histogram makes seconds. */
  recordMs(ms: number, exemplar: Exemplar | null): void {
    this.record(ms / 1000, exemplar)
    this.#maxMs = Math.max(this.#maxMs, ms)
    const fine = Math.min(fineBuckets - 1, Math.max(0, Math.ceil(Math.log(ms * 1000) / growth)))
    this.#fine[fine] = (this.#fine[fine] as number) + 1
  }

  /** Of this, and of what was before. */
  withEarlier(earlier: LatencyCounts): LatencyCounts {
    const sums = [...this.#fine]
    for (const [place, count] of earlier.counts) sums[place] = (sums[place] ?? 0) + count
    const counts = sums.flatMap((count, place) => (count === 0 ? [] : [[place, count] as const]))
    return { maxMs: Math.max(this.#maxMs, earlier.maxMs), counts }
  }
}

/** Milliseconds, at most 5 % too large; `null` of nothing. */
export function quantilesOf({ maxMs, counts }: LatencyCounts): Quantiles | null {
  const all = counts.reduce((sum, [, count]) => sum + count, 0)
  if (all === 0) return null
  const quantile = (part: number) => {
    let left = Math.ceil(all * part)
    const [place] = counts.find(([, count]) => {
      left -= count
      return left <= 0
    }) ?? [fineBuckets - 1]
    return Math.min(maxMs, Math.exp(place * growth) / 1000)
  }
  return { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: maxMs }
}

/** Seconds. A decision takes microseconds, an origin may take a minute; fewer bounds mean fewer series per integration. */
const phaseBounds = [0.00001, 0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

export class Durations {
  /** From arrival to the last byte, of what was allowed and came to its end. */
  readonly total = new Latency()
  /** Of every request that reached the end of the phase. */
  readonly phases: Readonly<Record<PhaseName, Histogram>> = {
    policy: new Histogram(phaseBounds),
    queue: new Histogram(phaseBounds),
    connect: new Histogram(phaseBounds),
    first_byte: new Histogram(phaseBounds),
    body: new Histogram(phaseBounds),
    record: new Histogram(phaseBounds),
  }

  recordPhases({ policyMs, queueMs, connectMs, firstByteMs, bodyMs, recordMs }: Phases, exemplar: Exemplar | null): void {
    const { policy, queue, connect, first_byte, body, record } = this.phases
    if (policyMs !== null) policy.record(policyMs / 1000, exemplar)
    if (queueMs !== null) queue.record(queueMs / 1000, exemplar)
    if (connectMs !== null) connect.record(connectMs / 1000, exemplar)
    if (firstByteMs !== null) first_byte.record(firstByteMs / 1000, exemplar)
    if (bodyMs !== null) body.record(bodyMs / 1000, exemplar)
    if (recordMs !== null) record.record(recordMs / 1000, exemplar)
  }
}

/** Of integrations without any such request. */
export const noDurations = new Durations()
