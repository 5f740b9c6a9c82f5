/** Where one bundle comes from: a server, a file or a folder. */
import type { BundleConfig } from '../../config/index.ts'
import { ServerError } from '../client/index.ts'
import type { SnapshotBundle, Verification } from '../format/index.ts'
import type { BundleStatus } from './status.ts'

export interface BundleSource {
  readonly name: string
  /** What is there without asking a server; `null`: nothing. A bundle of this machine that is bad throws `BundleError`. */
  load(): Promise<SnapshotBundle | null>
  /** Fetches what is new, and offers it, until `close`. */
  start(): void
  /** This bundle is active now; `null`: none of this name is. */
  activated(bundle: SnapshotBundle | null): void
  /** Keeps the active bundle on disk for a start without its server. */
  keep(): Promise<void>
  status(): BundleStatus
  close(): Promise<void>
}

/** What became of a bundle that was offered. */
export interface Offered {
  readonly ok: boolean
  readonly problem?: string
}

export interface BundleSourceOptions {
  readonly config: BundleConfig
  /** Activates it with the rest of the set; `origin` is for messages. Never throws. */
  readonly offer: (name: string, bundle: SnapshotBundle, origin: string) => Promise<Offered>
  readonly onFailure: (failure: Failure) => void
  /** After each try: the bundle's status says how it went. */
  readonly onStatus: () => void
}

export interface Failure {
  readonly name: string
  readonly problem: string
  /** It was not the problem of the try before. */
  readonly isNew: boolean
  /** `server`: nothing was fetched. `bundle`: what was fetched is bad. `activation`: it does not go with the rest of the set, as `offer` reported. */
  readonly kind: 'server' | 'bundle' | 'activation'
}

/** `offer` rejected it. */
export class NotActivated extends Error {}

export function failureOf(error: unknown): Pick<Failure, 'problem' | 'kind'> {
  const kind = error instanceof ServerError ? 'server' : error instanceof NotActivated ? 'activation' : 'bundle'
  return { problem: (error as Error).message, kind }
}

export function verificationOf({ signing }: BundleConfig): Verification | null {
  if (signing === null) return null
  const { key, keyId, algorithm, scope } = signing
  return { keys: { [keyId]: { algorithm, key, scope } }, keyId }
}
