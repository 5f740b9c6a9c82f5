/** Looks for records by a hash of them that was kept elsewhere. */
import { hash } from 'node:crypto'
import { type Copy, recordOf } from './bundle.ts'

export interface Contained {
  readonly hash: string
  /** `null`: no record has it. */
  readonly index: number | null
}

export interface Search {
  take(leaf: Buffer, index: number, copy: Copy): void
  result(): readonly Contained[]
}

/** `hashes`: in hex, of leaves (RFC 6962) or of the records' bytes alone. */
export function createContains(hashes: readonly string[]): Search {
  const found = new Map<string, number>()
  const wanted = new Set(hashes)
  return {
    take(leaf, index, copy) {
      if (wanted.size === 0) return
      for (const spelling of [leaf.toString('hex'), hash('sha256', recordOf(copy), 'hex')])
        if (wanted.has(spelling) && !found.has(spelling)) found.set(spelling, index)
    },
    result: () => hashes.map((wantedHash) => ({ hash: wantedHash, index: found.get(wantedHash) ?? null })),
  }
}
