/** What each drill sends: as much as its rule needs, and no more. Nothing in it is a secret or of use to anybody. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WatchRules } from '../../config/index.ts'
import { formatSpan } from '../../incidents/index.ts'
import type { Send } from './client.ts'
import { drillName } from './manifest.ts'

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
  /** What is promised where this machine is not overloaded; absent: nothing is. */
  readonly aims?: { readonly detectMs: number; readonly containMs: number }
  /** Sends until all is sent, or `signal`. `say`: what goes on for long. Never rejects. */
  run(send: Send, signal: AbortSignal, say: (step: string) => void): Promise<void>
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
    what: `uploads ${Math.round(bytes / 1e6)} MB of zeros to a destination that is new, in about two seconds`,
    rules: ['exfiltration', 'upload-volume'],
    knownMs: 0,
    withinMs: 20_000,
    aims: { detectMs: 2000, containMs: 1000 },
    async run(send, signal) {
      await send({ method: 'POST', body: upload(bytes, 2000, signal) })
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
/** Requests that are late by a little still make the span. */
const spare = 1.02

function beacon({ beaconing: { minBeats, minSpan, fromStart }, 'new-destination': { learning } }: WatchRules): Drill {
  const everyMs = Math.max(leastIntervalMs, minSpan / minBeats) * spare
  const wantedMs = everyMs * minBeats
  const beats = minBeats + 3
  return {
    what: `asks a new destination each ${formatSpan(everyMs)}: it can be noticed after ${formatSpan(wantedMs)}, since the rules in force ask for ${minBeats} intervals and ${formatSpan(minSpan)}`,
    rules: ['beaconing'],
    // Hours are counted when they are over.
    knownMs: fromStart.includes(drillName) ? 0 : learning + 3_600_000,
    withinMs: everyMs * beats + 30_000,
    async run(send, signal, say) {
      const began = performance.now()
      for (let beat = 0; beat < beats && !signal.aborted; beat += 1) {
        const status = await send({ path: '/beat' })
        const leftMs = Math.max(0, wantedMs - (performance.now() - began))
        if (!signal.aborted)
          say(`request ${beat + 1} was answered with ${status ?? 'nothing'}${leftMs > 0 ? `; ${formatSpan(leftMs)} to go` : ''}`)
        await pause(began + (beat + 1) * everyMs - performance.now(), signal)
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => {})
}
