/** Brings the messages that wait to one receiver: in order per alert, at least once, for as long as it takes. */
import { type Backoff, createBackoff } from '../core/index.ts'
import type { Alert } from './alert.ts'
import type { Ledger } from './ledger.ts'
import type { Outbox } from './outbox.ts'
import { type Notice, NotTaken, type Receiver, wants } from './receiver.ts'

export interface CourierStatus {
  readonly name: string
  readonly waiting: number
  /** When the oldest that waits was queued. */
  readonly oldestAt: number | null
  readonly taken: number
  /** Attempts. */
  readonly failed: number
  /** Given up since the last message that was taken. */
  readonly dropped: number
  /** Given up since the process began. */
  readonly droppedTotal: number
  /** Why it takes nothing; `null` where all is well. */
  readonly problem: string | null
}

export interface Courier {
  /** There is something new. */
  wake(): void
  status(): CourierStatus
  /** Ends the attempt that is under way; the rest stays in the store. */
  close(): Promise<void>
}

export interface CourierOptions {
  readonly receiver: Receiver
  readonly outbox: Outbox
  readonly ledger: Ledger
  readonly now: () => number
  /** It takes again what it did not take before; with what was given up meanwhile. */
  readonly onRecovered: (dropped: number) => void
  readonly onFailure: (problem: string) => void
}

const firstDelayMs = 200
/** A message that is not taken as it is holds up its own alert only. */
const contentDelays = { minMs: 5_000, maxMs: 3_600_000 }

export function createCourier({ receiver, outbox, ledger, now, onRecovered, onFailure }: CourierOptions): Courier {
  const { name, transport, timeoutMs, maxDelayMs } = receiver
  const backoff = createBackoff({ minMs: Math.min(firstDelayMs, maxDelayMs), maxMs: maxDelayMs })
  /** By alert. */
  const heldUp = new Map<string, { readonly backoff: Backoff; untilMs: number }>()
  const stop = new AbortController()
  const counts = { taken: 0, failed: 0 }
  let problem: string | null = null
  let awake = Promise.withResolvers<void>()
  let repeatAtMs = 0

  const attempt = <T>(send: (signal: AbortSignal) => Promise<T>) => send(AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]))

  /** The first of each alert, but for those that are held up. */
  function next(): Notice | undefined {
    const seen = new Set<string>()
    return ledger.waiting(name).find(({ alert: { id } }) => {
      const isFirst = !seen.has(id)
      seen.add(id)
      return isFirst && (heldUp.get(id)?.untilMs ?? 0) <= performance.now()
    })
  }

  async function bring(notice: Notice): Promise<void> {
    try {
      await attempt((signal) => transport.send(notice, signal))
    } catch (error) {
      if (error instanceof NotTaken && error.isContent) return holdUp(notice, error)
      throw error
    }
    heldUp.delete(notice.alert.id)
    outbox.taken(notice, now())
    ledger.flush()
    await succeeded()
  }

  function holdUp({ alert: { id } }: Notice, { message, afterMs }: NotTaken): void {
    const held = heldUp.get(id) ?? { backoff: createBackoff(contentDelays), untilMs: 0 }
    held.untilMs = performance.now() + Math.max(held.backoff.next(), afterMs)
    heldUp.set(id, held)
    failed(message)
  }

  async function succeeded(): Promise<void> {
    counts.taken += 1
    backoff.reset()
    const dropped = ledger.dropped.get(name)
    if (dropped !== undefined) {
      await attempt((signal) => transport.sendDropped(dropped, signal))
      ledger.setDropped(name, null)
      ledger.flush()
    }
    if (problem !== null || dropped !== undefined) onRecovered(dropped?.count ?? 0)
    problem = null
  }

  function failed(message: string): void {
    counts.failed += 1
    if (problem === null) onFailure(message)
    problem = message
  }

  async function repeatAll(): Promise<void> {
    if (transport.repeat === undefined || performance.now() < repeatAtMs) return
    const { repeat } = transport
    const wanted: readonly Alert[] = [...ledger.active()].filter((alert) => wants(receiver, alert))
    if (wanted.length > 0) {
      await attempt((signal) => repeat.send(wanted, signal))
      await succeeded()
    }
    repeatAtMs = performance.now() + repeat.everyMs
  }

  /** Until there is something new, or something that is held up may be tried. */
  async function rest(): Promise<void> {
    const waiting = new Set(ledger.waiting(name).map(({ alert }) => alert.id))
    // Their message was given up meanwhile.
    for (const id of heldUp.keys()) if (!waiting.has(id)) heldUp.delete(id)
    const times = [...heldUp.values()].map(({ untilMs }) => untilMs)
    if (transport.repeat !== undefined) times.push(repeatAtMs)
    const untilMs = Math.min(...times)
    await pause(Number.isFinite(untilMs) ? Math.max(0, untilMs - performance.now()) : null, awake.promise)
  }

  async function pause(ms: number | null, early: Promise<void> | null): Promise<void> {
    if (stop.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = () => resolve()
    const timer = ms === null ? null : setTimeout(end, ms)
    stop.signal.addEventListener('abort', end)
    await (early === null ? promise : Promise.race([promise, early]))
    stop.signal.removeEventListener('abort', end)
    if (timer !== null) clearTimeout(timer)
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      awake = Promise.withResolvers<void>()
      try {
        const notice = next()
        if (notice !== undefined) await bring(notice)
        else {
          await repeatAll()
          await rest()
        }
      } catch (error) {
        if (stop.signal.aborted) return
        failed((error as Error).message)
        await pause(Math.max(backoff.next(), error instanceof NotTaken ? error.afterMs : 0), null)
      }
    }
  }

  const running = run()

  return {
    wake: () => awake.resolve(),
    status() {
      const waiting = ledger.waiting(name)
      const dropped = ledger.dropped.get(name)?.count ?? 0
      const droppedTotal = outbox.droppedFor(name)
      return { name, waiting: waiting.length, oldestAt: waiting[0]?.at ?? null, ...counts, dropped, droppedTotal, problem }
    },
    async close() {
      stop.abort()
      await running
      await transport.close()
    },
  }
}
