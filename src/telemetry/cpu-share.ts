/**
 * Each request's share of the processor time of the gateway's main thread, estimated: the time is measured for all requests
 * together, and shared out by what each is known to need.
 *
 * A request needs a fixed part (its parsing, its sockets, its records), the time for which its path held the event loop, and
 * a part for each chunk of a body that passed, by its size. These weights are multiplied by what the thread needed, divided by the weights of
 * the same time. Garbage collection and system calls are shared out with it; other threads (disk, DNS, compression) are not in it.
 */
import { threadCpuUsage } from 'node:process'
import type { CpuShare } from '../core/index.ts'

/** Milliseconds of the machine that this was written on (`npm run bench:telemetry`); what matters is how they relate. */
const fixedMs = 0.06
const chunkMs = 0.008
const kibibyteMs = 0.0008

const windowMs = 1000
/** With fewer in a window its timers, scrapes and activations would be most of it: the last share holds. */
const leastRequests = 50
/** A share that is out of this range is of a window with other work in it, such as an activation. */
const bounds = [0.25, 4] as const

export interface CpuShareOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Milliseconds of the thread so far. */
  readonly usedMs?: () => number
}

export function createCpuShare({ now, usedMs = threadMs }: CpuShareOptions): CpuShare {
  let factor = 1
  let from = now()
  let used = usedMs()
  let weight = 0
  let requests = 0

  const weightOf = (loopMs: number, passedMs: number) => fixedMs + loopMs + passedMs

  function nextWindow(): void {
    const usedNow = usedMs()
    if (requests >= leastRequests) {
      const measured = Math.min(bounds[1], Math.max(bounds[0], (usedNow - used) / weight))
      factor = (factor + measured) / 2
    }
    from = now()
    used = usedNow
    weight = 0
    requests = 0
  }

  return {
    shareMs: (loopMs, passedMs) => factor * weightOf(loopMs, passedMs),
    settledMs(loopMs, passedMs) {
      const own = weightOf(loopMs, passedMs)
      // The chunks of one that was open for longer have passed in other windows.
      weight += fixedMs + loopMs
      requests += 1
      if (now() - from >= windowMs) nextWindow()
      return factor * own
    },
    passed(bytes) {
      const own = chunkMs + (bytes / 1024) * kibibyteMs
      weight += own
      return own
    },
  }
}

function threadMs(): number {
  const { user, system } = threadCpuUsage()
  return (user + system) / 1000
}
