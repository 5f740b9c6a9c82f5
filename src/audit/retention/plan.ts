/** What retention lets go: whole bundles, the oldest first. */
import type { StoredBundles } from './stored-bundles.ts'

export interface Keep {
  /** Records older than this may go; `null`: however old. */
  readonly forMs: number | null
  /** Bundles together; `null`: however large. */
  readonly bytes: number | null
}

export interface PlanOptions {
  readonly keep: Keep
  readonly nowMs: number
  /** Bundles from this number on have records that a sink has not taken; `null`: there are none such. */
  readonly wanted: number | null
  /** When the newest record of a bundle was written; milliseconds since the epoch, `null`: not known. */
  readonly newestIn: (index: number) => Promise<number | null>
}

/** For what a sink has not taken, so many times as long and as large. */
const sinkShare = 2

/** The number of the first bundle that stays. */
export async function firstKept(bundles: StoredBundles, { keep, nowMs, wanted, newestIn }: PlanOptions): Promise<number> {
  const usual = await allowed(bundles, keep, nowMs, newestIn)
  if (wanted === null || usual <= wanted) return usual
  const { forMs, bytes } = keep
  const most = { forMs: forMs === null ? null : forMs * sinkShare, bytes: bytes === null ? null : bytes * sinkShare }
  return Math.max(bundles.first, wanted, await allowed(bundles, most, nowMs, newestIn))
}

async function allowed(bundles: StoredBundles, { forMs, bytes }: Keep, nowMs: number, newestIn: PlanOptions['newestIn']): Promise<number> {
  const bySize = bytes === null ? bundles.first : firstWithin(bundles, bytes)
  return forMs === null ? bySize : Math.max(bySize, await firstSince(bundles, nowMs - forMs, newestIn))
}

function firstWithin({ first, sizes }: StoredBundles, bytes: number): number {
  let left = sizes.reduce((sum, size) => sum + size, 0)
  let gone = 0
  while (left > bytes && gone < sizes.length) left -= sizes[gone++] as number
  return first + gone
}

/** The first bundle with a record since then. Records are in the order of time, but for a clock that was set back. A bundle that does not say its time stays. */
export async function firstSince({ first, end }: StoredBundles, sinceMs: number, newestIn: PlanOptions['newestIn']): Promise<number> {
  let [low, high] = [first, end]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const newest = await newestIn(middle)
    if (newest !== null && newest < sinceMs) low = middle + 1
    else high = middle
  }
  return low
}
