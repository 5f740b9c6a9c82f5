/** How long the requests of one integration took, in total and by phase. */
import type { Phases } from '../core/index.ts'
import { Histogram } from './histogram.ts'
import { Latency } from './latency.ts'

/** As metrics name them. */
export const phaseNames = ['policy', 'queue', 'connect', 'first_byte'] as const
type PhaseName = (typeof phaseNames)[number]

/** Seconds. A decision takes microseconds, an origin may take a minute; fewer bounds mean fewer series per integration. */
const bounds = [0.00001, 0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

export class Durations {
  /** From arrival to the last byte, of what was allowed and came to its end. */
  readonly total = new Latency()
  /** Of every request that reached the end of the phase. */
  readonly phases: Readonly<Record<PhaseName, Histogram>> = {
    policy: new Histogram(bounds),
    queue: new Histogram(bounds),
    connect: new Histogram(bounds),
    first_byte: new Histogram(bounds),
  }

  recordPhases({ policyMs, queueMs, connectMs, firstByteMs }: Phases): void {
    const { policy, queue, connect, first_byte } = this.phases
    if (policyMs !== null) policy.record(policyMs)
    if (queueMs !== null) queue.record(queueMs)
    if (connectMs !== null) connect.record(connectMs)
    if (firstByteMs !== null) first_byte.record(firstByteMs)
  }
}

/** Of integrations without any such request. */
export const noDurations = new Durations()
