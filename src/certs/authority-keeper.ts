/** The CA of a gateway that runs: rotated without a restart, and published again when an overlap is over. */
import type { AuthorityFolder, TrustFolder } from '../config/index.ts'
import { openAuthority, publishedIn, type RecordRotation, rotateAuthority } from './authority.ts'
import { readAuthority } from './authority-files.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import { holdTrustFolder, prepareTrustFolder, publish } from './trust-folder.ts'

export interface AuthorityKeeper {
  /** The one that signs now. Rejects with what kept it from being opened. */
  current(): Promise<CertificateAuthority>
  /** As `rotateAuthority`. Leaves come from the new CA at once; resolves when it is published. One at a time. */
  rotate(overlapMs: number | null): Promise<CertificateAuthority>
  close(): void
}

export interface AuthorityKeeperOptions {
  readonly files: AuthorityFolder
  readonly trust: TrustFolder
  readonly record: RecordRotation
  /** A CA whose overlap is over is still in the bundle. */
  readonly onUnpublished: (error: unknown) => void
}

export function createAuthorityKeeper({ files, trust, record, onUnpublished }: AuthorityKeeperOptions): AuthorityKeeper {
  let release = () => {}
  let isClosed = false
  let current = open()
  let ending: NodeJS.Timeout | null = null
  let queue: Promise<unknown> = current
  current.then(awaitEnd, () => {})

  async function open(): Promise<CertificateAuthority> {
    if (trust !== files) {
      await prepareTrustFolder(trust.folder)
      // Before anything is written there.
      if (!isClosed) release = holdTrustFolder(trust.folder)
    }
    return openAuthority(files, trust)
  }

  function awaitEnd({ overlap }: CertificateAuthority): void {
    if (ending !== null) clearTimeout(ending)
    ending = null
    // Behind it by a second, in which it is over by anybody's clock.
    if (overlap !== null) ending = setTimeout(endOverlap, Math.min(overlap.untilMs - Date.now() + 1000, maxTimeoutMs)).unref()
  }

  /** Those who ask take turns, whatever became of the one before. */
  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(work, work)
    queue = done.catch(() => {})
    return done
  }

  async function publishAsIs(): Promise<void> {
    const authority = await readAuthority(files, Date.now())
    if (authority === null) return
    current = Promise.resolve(authority)
    await publish(authority, publishedIn(files, trust))
    awaitEnd(authority)
  }

  function endOverlap(): void {
    enqueue(publishAsIs).catch(onUnpublished)
  }

  return {
    current: () => current,
    rotate: (overlapMs) =>
      enqueue(async () => {
        const rotated = await rotateAuthority(files, overlapMs, Date.now(), record)
        current = Promise.resolve(rotated)
        awaitEnd(rotated)
        await publish(rotated, publishedIn(files, trust))
        return rotated
      }),
    close() {
      isClosed = true
      release()
      if (ending !== null) clearTimeout(ending)
    },
  }
}

/** Node's timers fire at once where a delay does not fit 31 bits. */
const maxTimeoutMs = 2 ** 31 - 1
