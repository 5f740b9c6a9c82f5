/** A bundle as it was fetched: its content, and the bytes that it was read from, so that they can be kept and verified again. */
import { applyDelta, BundleError, readBundle, type SnapshotBundle, type Verification } from '../format/index.ts'

export interface Fetched {
  readonly bundle: SnapshotBundle
  /** The snapshot's archive, and those of the deltas since. */
  readonly parts: readonly Uint8Array[]
  /** The server's name for it; `null`: it gave none. */
  readonly etag: string | null
}

export interface UpdateOptions {
  /** URL or path, for messages. */
  readonly origin: string
  readonly verification: Verification | null
  readonly maxBytes: number
  /** The time of the last good signature, seconds since the epoch: an older one is a replay. */
  readonly notBefore: number | null
}

/** A snapshot takes the place of `base`, a delta changes it. Throws `BundleError`. */
export async function applyUpdate(base: Fetched | null, bytes: Uint8Array, etag: string | null, options: UpdateOptions): Promise<Fetched> {
  const { origin } = options
  const read = await readBundle(bytes, options)
  refuseOlder(options.notBefore, read.signedAt, origin)
  if (read.kind === 'snapshot') return { bundle: read, parts: [bytes], etag }
  if (base === null) throw new BundleError(origin, null, 'is a delta, and there is nothing that it could change; send a snapshot')
  return { bundle: applyDelta(base.bundle, read, origin), parts: [...base.parts, bytes], etag }
}

/** A replayed old bundle has a good signature: only the time in it shows its age, so one without a time is refused. */
function refuseOlder(last: number | null, signedAt: number | null, origin: string): void {
  if (last === null) return
  const date = (seconds: number) => new Date(seconds * 1000).toISOString()
  if (signedAt === null)
    throw new BundleError(
      origin,
      '.signatures.json',
      `does not say when it was signed (iat), and the active bundle does (${date(last)}); sign it with the time`,
    )
  if (signedAt >= last) return
  throw new BundleError(
    origin,
    '.signatures.json',
    `was signed at ${date(signedAt)}, before the active bundle (${date(last)}); sign it again to go back`,
  )
}
