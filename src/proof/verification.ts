/** What verifying a log is given, and what it says. */
import type { ChainVerification } from './chain.ts'
import type { Contained } from './contains.ts'
import type { Finding } from './finding.ts'
import type { VerifierKey } from './note.ts'
import type { NotedCheckpoint } from './signed.ts'

export interface VerifyOptions {
  /** Of the log, as it was noted elsewhere; without it the folder's own is taken, which proves nothing against who can write the folder. */
  readonly key?: VerifierKey | null
  /** Whose cosignatures there must be. */
  readonly witnesses?: readonly VerifierKey[]
  /** Checkpoints that were kept elsewhere: the log must have grown out of each. */
  readonly checkpoints?: readonly NotedCheckpoint[]
  /** Heads of a chain that were noted before it was migrated. */
  readonly heads?: readonly string[]
  /** Leaf hashes, or SHA-256 of records, in hex. */
  readonly contains?: readonly string[]
  /** Where retention has moved bundles. */
  readonly archive?: string | null
}

export interface Verification {
  readonly ok: boolean
  /** How many the log has, pruned ones and those of its chain included. */
  readonly records: number
  readonly findings: readonly Finding[]
  /** Decisions or refusals without `settled`: work under way, or what a crash interrupted. */
  readonly unsettled: number
  /** Of the checkpoint; `null` where there is none that holds, and of a chain that was never migrated. */
  readonly signed: { readonly origin: string; readonly size: number; readonly root: string } | null
  /** By which it was verified, and whether it was the folder's own. */
  readonly key: { readonly text: string; readonly isFromFolder: boolean } | null
  /** Of the witnesses that were given: when, and of how many records. */
  readonly cosignatures: readonly { readonly name: string; readonly time: number; readonly size: number }[]
  /** Records behind the checkpoint, of which a signature says nothing yet. */
  readonly unsigned: number
  /** Records that retention has removed, and a record says so; those that were read from the archive are not among them. */
  readonly pruned: number
  readonly archived: number
  /** Segments of before the log became a tree: as they were found, moved elsewhere (`migrated` says what they were), or never there. */
  readonly chain: ChainVerification | 'archived' | null
  readonly segments: number
  /** Compare it with one noted elsewhere to see that nothing was cut off the end: the root, or of a chain the hash of its last line. */
  readonly head: string
  readonly noted: ChainVerification['noted']
  readonly contains: readonly Contained[]
  readonly closed: readonly ClosedPart[]
}

export interface ClosedPart {
  /** Below the log's folder. */
  readonly folder: string
  readonly records: number
  readonly findings: readonly Finding[]
}
