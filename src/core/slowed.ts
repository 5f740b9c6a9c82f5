/** Bytes whose bucket is empty: they pass in slices, each as soon as there is room for it, and their source is paused meanwhile. */
import type { Writable } from 'node:stream'

export interface Slowed {
  /**
   * How many of the bytes may pass now, once some may; they are counted. One call at a time, until all have passed.
   * 0: the exchange is over, and the rest goes nowhere.
   */
  next(): Promise<number>
  /** Nothing more passes: a `next` that waits gives 0 at once. */
  end(): void
}

/** `false`: the exchange is over, or nobody listens any more; not all of the chunk has been written. */
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

/** Resolves when more may be written; with `false` where it is closed instead. */
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
