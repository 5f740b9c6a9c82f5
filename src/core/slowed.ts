/** Bytes whose bucket is empty: they pass in slices, each as soon as the bucket has room for it. Their source is paused meanwhile. */
import type { Writable } from 'node:stream'

export interface Slowed {
  /**
   * Resolves, once some of the bytes may pass, with how many; these are counted. One call at a time, until all have passed.
   * 0: the exchange is over, and the rest is dropped.
   */
  next(): Promise<number>
  /** No more bytes pass: a `next` that waits resolves with 0 at once. */
  end(): void
}

/** Of an exchange that was stopped. */
export const nothingPasses: Slowed = { next: async () => 0, end() {} }

/** `false`: the exchange is over or `to` was closed, and not all of the chunk has been written. */
export async function writeSlowly(slowed: Slowed, chunk: Uint8Array, to: Writable): Promise<boolean> {
  for (let from = 0; from < chunk.byteLength; ) {
    const bytes = await slowed.next()
    if (bytes === 0 || to.destroyed) return false
    const slice = chunk.subarray(from, from + bytes)
    from += bytes
    if (!to.write(slice) && !(await drained(to))) return false
  }
  return true
}

/** Resolves with `true` when more may be written, with `false` when `to` was closed. */
export function drained(to: Writable): Promise<boolean> {
  if (to.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const settle = () => {
      to.off('drain', settle)
      to.off('close', settle)
      resolve(!to.destroyed)
    }
    to.on('drain', settle)
    to.on('close', settle)
  })
}
