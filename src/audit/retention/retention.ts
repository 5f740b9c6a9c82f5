/** Retention: what is older or more than `audit.keep` goes, once a durable record says so; hashes stay, so that proofs hold. */
import { tileWidth } from '../../records/index.ts'
import { firstKept, firstSince, type Keep } from './plan.ts'
import { type BundleFiles, bundleFiles, removeBundles } from './remove-bundles.ts'
import { findBundles, newestIn, type StoredBundles } from './stored-bundles.ts'

/** Of a `pruned` record. */
export interface Pruned {
  /** Index of the first record that stays. */
  readonly below: number
  /** The archive; absent: nowhere. */
  readonly to?: string
  readonly why: string
}

export interface RetentionOptions {
  /** Of the log. */
  readonly folder: string
  readonly keep: Keep
  /** `null`: what goes is removed. */
  readonly archive: string | null
  /** Resolves once it is durable in the log. */
  readonly record: (pruned: Pruned) => Promise<void>
  /** Index of the first record that some sink has not taken; `null`: there is no sink. */
  readonly wanted: () => number | null
  /** Index of the first record that a legal hold keeps, with all behind it; `null`: none does. */
  readonly heldFrom: () => number | null
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
  readonly files?: BundleFiles
}

export interface Retention {
  /** Gives how many records have gone. Throws what the file system throws, and what `record` does: then nothing more goes. */
  look(): Promise<number>
  /** Moves all records to the archive that are in whole bundles before the end. Gives how many. Throws `HeldError`, and as `look`. */
  archive(end: { readonly below: number } | { readonly beforeMs: number }, to: string, why: string): Promise<number>
}

/** A legal hold is in force. */
export class HeldError extends Error {
  constructor() {
    super('a legal hold is in force on these records: they stay until it is released')
    this.name = 'HeldError'
  }
}

export function createRetention(options: RetentionOptions): Retention {
  const { folder, keep, archive, record, wanted, heldFrom, wallClock = Date.now, files = bundleFiles } = options
  let known: StoredBundles | null = null
  /** Number of the first bundle that the last record said would stay. */
  let said = 0
  let running: Promise<number> = Promise.resolve(0)

  /** Number of the first bundle that a legal hold keeps. */
  function heldBundle(): number {
    const from = heldFrom()
    return from === null ? Number.POSITIVE_INFINITY : Math.floor(from / tileWidth)
  }

  async function remove(bundles: StoredBundles, end: number, to: string | null, why: string): Promise<number> {
    if (end <= bundles.first) return 0
    if (end > said) await record({ below: end * tileWidth, ...(to !== null && { to }), why })
    said = Math.max(said, end)
    // One may have come since it was asked first.
    if (heldBundle() < end) return 0
    // What is there is found anew where this fails midway.
    known = null
    await removeBundles({ folder, archive: to, first: bundles.first, end, files })
    known = { first: end, end: bundles.end, sizes: bundles.sizes.slice(end - bundles.first) }
    return (end - bundles.first) * tileWidth
  }

  async function look(): Promise<number> {
    if (keep.forMs === null && keep.bytes === null) return 0
    // Of the moment of the look, however long it takes.
    const nowMs = wallClock()
    const bundles = await findBundles(folder, known)
    known = bundles
    const next = wanted()
    const end = await firstKept(bundles, {
      ...{ keep, nowMs },
      wanted: next === null ? null : Math.floor(next / tileWidth),
      newestIn: (index) => newestIn(folder, index),
    })
    return remove(bundles, Math.min(end, heldBundle()), archive, whyOf(keep))
  }

  async function moveAll(given: Parameters<Retention['archive']>[0], to: string, why: string): Promise<number> {
    const bundles = await findBundles(folder, known)
    const end =
      'below' in given
        ? Math.min(bundles.end, Math.floor(given.below / tileWidth))
        : await firstSince(bundles, given.beforeMs, (index) => newestIn(folder, index))
    if (heldBundle() < end) throw new HeldError()
    return remove(bundles, end, to, why)
  }

  /** One after the other. */
  function queued(act: () => Promise<number>): Promise<number> {
    running = running.then(act, act)
    return running
  }

  return { look: () => queued(look), archive: (end, to, why) => queued(() => moveAll(end, to, why)) }
}

function whyOf({ forMs, bytes }: Keep): string {
  return [...(forMs === null ? [] : [`older than ${forMs / 3_600_000} h`]), ...(bytes === null ? [] : [`beyond ${bytes} bytes`])].join(
    ', or ',
  )
}
