/** What each drill sends: as much as its rule needs, and no more. Nothing in it is a secret or of use to anybody. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WatchRules } from '../../config/index.ts'
import type { Send } from './client.ts'

export const drillKinds = ['exfiltration', 'beacon', 'flood'] as const
export type DrillKind = (typeof drillKinds)[number]

export interface Drill {
  /** A sentence for the operator. */
  readonly what: string
  /** Rules that can notice it. */
  readonly rules: readonly (keyof WatchRules)[]
  /** For so long the integration has to be known before it can be noticed. */
  readonly knownMs: number
  /** How long it takes at most until it is noticed. */
  readonly withinMs: number
  /** Sends until all is sent, or `signal`. Never rejects. */
  run(send: Send, signal: AbortSignal): Promise<void>
}

/** By the rules in force, which say how much is needed. */
export function drillOf(kind: DrillKind, rules: WatchRules): Drill {
  if (kind === 'exfiltration') return exfiltration(rules)
  return kind === 'beacon' ? beacon(rules) : flood(rules)
}

const chunkBytes = 64 * 1024

function exfiltration({ exfiltration: { minUpload } }: WatchRules): Drill {
  const bytes = Math.max(12_000_000, 2 * minUpload)
  return {
    what: `uploads ${Math.round(bytes / 1e6)} MB of zeros to a destination that is new, in about four seconds`,
    rules: ['exfiltration', 'upload-volume'],
    knownMs: 0,
    withinMs: 20_000,
    async run(send, signal) {
      await send({ method: 'POST', body: upload(bytes, 4000, signal) })
    },
  }
}

/** Evenly over the time, and then a little until it is cut: what passes after the containment shows. */
async function* upload(bytes: number, overMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = Math.ceil(bytes / chunkBytes)
  const began = performance.now()
  for (let sent = 0; sent < chunks && !signal.aborted; sent += 1) {
    yield Buffer.alloc(chunkBytes)
    const aheadMs = (sent / chunks) * overMs - (performance.now() - began)
    if (aheadMs > 0) await pause(aheadMs, signal)
  }
  while (!signal.aborted) {
    yield Buffer.alloc(1024)
    await pause(100, signal)
  }
}

/** Closer together, requests are those of any busy client. */
const leastIntervalMs = 5000

function beacon({ beaconing: { minBeats, minSpan }, 'new-destination': { learning } }: WatchRules): Drill {
  const everyMs = Math.max(leastIntervalMs * 1.1, (minSpan / minBeats) * 1.05)
  const beats = minBeats + 2
  return {
    what: `asks a new destination each ${Math.round(everyMs / 1000)} s, ${beats} times: at least ${minutes(everyMs * beats)} by the rules in force`,
    rules: ['beaconing'],
    // Before that, every destination is new, and none is watched for its rhythm.
    // Hours are counted when they are over.
    knownMs: learning + 3_600_000,
    withinMs: everyMs * (beats + 2) + 30_000,
    async run(send, signal) {
      for (let beat = 0; beat < beats && !signal.aborted; beat += 1) {
        await send({ path: '/beat' })
        await pause(everyMs, signal)
      }
    },
  }
}

const floodAtOnce = 8

function flood({ flood: { minRequests }, denials: { minDenied } }: WatchRules): Drill {
  const requests = Math.max(2 * minRequests, 8 * minDenied)
  return {
    what: `makes ${requests} requests as fast as they are answered, every other one denied by the drill’s manifest`,
    rules: ['flood', 'denials'],
    knownMs: 0,
    withinMs: 30_000,
    async run(send, signal) {
      let left = requests
      const sender = async () => {
        while (left > 0 && !signal.aborted) {
          left -= 1
          await send(left % 2 === 0 ? { path: '/flood' } : { path: '/flood', method: 'DELETE' })
        }
      }
      await Promise.all(Array.from({ length: floodAtOnce }, sender))
    },
  }
}

function minutes(ms: number): string {
  return ms < 120_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
