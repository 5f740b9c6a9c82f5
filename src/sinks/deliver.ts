/** Delivers a batch whole: again and again until it is taken, without what the receiver will never take. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backoff } from '../core/index.ts'
import { type PartlyRefused, Refused, RetryLater, type Shipped, type ShippedRecord, type Sink } from './sink.ts'

export interface DeliverOptions {
  readonly sink: Sink
  /** Of one attempt. */
  readonly timeoutMs: number
  readonly backoff: Backoff
  readonly signal: AbortSignal
  /** An attempt failed, and another follows. */
  readonly onFailure: (error: Error) => void
}

export interface Delivered {
  readonly refused: readonly { readonly item: Shipped; readonly why: string }[]
  /** Some of these, and the receiver does not say which. */
  readonly partlyRefused: readonly (PartlyRefused & { readonly items: readonly Shipped[] })[]
  /** Records at the end that were refused: what comes next follows them. */
  readonly leftOut: number
}

/** In their order. Rejects once `signal` is aborted: how much was taken is not known then. */
export async function deliver(batch: readonly Shipped[], options: DeliverOptions): Promise<Delivered> {
  const { sink, timeoutMs, backoff, signal, onFailure } = options
  const refused: { item: Shipped; why: string }[] = []
  const partlyRefused: (PartlyRefused & { items: readonly Shipped[] })[] = []
  let left = batch
  let trailing = 0
  let size = batch.length
  while (left.length > 0) {
    signal.throwIfAborted()
    const part = left.slice(0, size)
    try {
      const partly = await sink.deliver(part, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
      if (typeof partly === 'object') partlyRefused.push({ ...partly, items: part })
      backoff.reset()
      left = left.slice(size)
      size *= 2
    } catch (error) {
      const never = error instanceof Refused ? refusedOf(error, part) : null
      if (never === null && error instanceof Refused && part.length > 1) size = Math.ceil(part.length / 2)
      else if (never === null) {
        signal.throwIfAborted()
        onFailure(error as Error)
        const askedMs = error instanceof RetryLater ? error.afterMs : 0
        await sleep(Math.max(backoff.next(), askedMs), undefined, { signal, ref: false })
      } else {
        refused.push(...never.map((item) => ({ item, why: (error as Error).message })))
        const rest = without(left, new Set(never))
        left = rest.items
        trailing += rest.leftOut
      }
    }
  }
  return { refused, partlyRefused, leftOut: trailing }
}

/** `null`: the sink cannot tell which of several it is. */
function refusedOf({ items }: Refused, part: readonly Shipped[]): readonly Shipped[] | null {
  if (items === null) return part.length === 1 ? part : null
  const ours = part.filter((item) => items.includes(item))
  return ours.length > 0 ? ours : null
}

/** The record behind one that is left out counts it. */
function without(items: readonly Shipped[], never: ReadonlySet<Shipped>): { readonly items: readonly Shipped[]; readonly leftOut: number } {
  let leftOut = 0
  const rest = items.flatMap((item): readonly Shipped[] => {
    if (item.kind === 'checkpoint') return never.has(item) ? [] : [item]
    if (never.has(item)) {
      leftOut += item.leftOut + 1
      return []
    }
    const following = leftOut === 0 ? item : behind(item, leftOut)
    leftOut = 0
    return [following]
  })
  return { items: rest, leftOut }
}

function behind(record: ShippedRecord, leftOut: number): ShippedRecord {
  const { kind, index, leaf, time, type, text } = record
  return {
    ...{ kind, index, leaf, time, type, text, leftOut: record.leftOut + leftOut },
    get document() {
      return record.document
    },
  }
}
