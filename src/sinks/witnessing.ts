/** Has each newest checkpoint cosigned by a witness, for as long as it takes; the log and its requests wait for nothing of it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WitnessConfig } from '../config/index.ts'
import { createBackoff } from '../core/index.ts'
import { writeAtomically } from '../files/index.ts'
import { type Cosigned, createWitness } from './ask-witness.ts'
import type { Progress, Shipping } from './ship.ts'

export interface WitnessingOptions {
  /** Of the log; the cosigned checkpoint becomes its file `witnessed`. */
  readonly folder: string
  readonly witness: WitnessConfig
  /** How often a new checkpoint is looked for, and the longest time between two attempts. */
  readonly pollMs?: number
  readonly maxDelayMs?: number
}

const name = 'witness'

export function createWitnessing({ folder, witness: config, pollMs = 1000, maxDelayMs = 30_000 }: WitnessingOptions): Shipping {
  const stop = new AbortController()
  const backoff = createBackoff({ minMs: Math.min(pollMs, maxDelayMs), maxMs: maxDelayMs })
  const witness = createWitness(config)
  const counts = { shipped: 0, dropped: 0, refused: 0, lost: 0, errors: 0 }
  let problem: string | null = null
  let cosigned: Cosigned | null = null
  let seen = ''
  /** Since when there is a checkpoint that is not cosigned. */
  let waitingMs: number | null = null

  async function step(signal: AbortSignal): Promise<void> {
    const note = await readFile(join(folder, 'checkpoint'), 'utf8').catch(() => seen)
    // A witness has nothing to say of a log without records.
    if (note === seen || note.split('\n')[1] === '0') return
    waitingMs ??= Date.now()
    try {
      const found = await witness.cosign(folder, signal)
      await writeAtomically(join(folder, 'witnessed'), found.note, 0o600)
      cosigned = found
      seen = note
      counts.shipped += 1
      problem = null
      waitingMs = null
      backoff.reset()
    } catch (error) {
      if (signal.aborted) return
      counts.errors += 1
      problem = (error as Error).message
      await sleep(backoff.next(), undefined, { signal, ref: false })
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await step(signal).catch(() => {})
      await sleep(pollMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  const running = run(stop.signal)
  return {
    progress: (): Progress => ({ name, next: cosigned?.size ?? null, oldestMs: waitingMs, ...counts, problem }),
    async close(_upTo, withinMs) {
      stop.abort()
      await running
      if (withinMs > 0 && problem === null) await step(AbortSignal.timeout(Math.ceil(withinMs))).catch(() => {})
      await witness.close()
    },
  }
}
