/** The interception CA: made once and read back at every start, published to clients, and rotated. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuthorityFolder, TrustFolder } from '../config/index.ts'
import { temporaryName } from '../files/index.ts'
import { readAuthority, writeAuthority } from './authority-files.ts'
import { type CertificateAuthority, type MadeAuthority, type Overlap, RotationRefused } from './certificate-authority.ts'
import { makeAuthorityApart } from './startup-process.ts'
import { prepareTrustFolder, publish } from './trust-folder.ts'

/**
 * Opens the CA, or makes it in its folder, and publishes it there and in `trust`.
 * Throws as `readAuthority` and `prepareTrustFolder`, and where the CA has expired.
 */
export async function openAuthority(
  files: AuthorityFolder,
  trust: TrustFolder = files,
  now: () => number = Date.now,
): Promise<CertificateAuthority> {
  await mkdir(files.folder, { recursive: true, mode: 0o700 })
  // Of a process that was killed as it wrote: it may be a key.
  for (const name of await readdir(files.folder)) if (temporaryName.test(name)) await rm(join(files.folder, name), { force: true })
  if (trust !== files) await prepareTrustFolder(trust.folder)
  const folders = publishedIn(files, trust)
  const kept = await readAuthority(files, now())
  if (kept === null) {
    const { made, ...material } = await makeAuthorityApart(now())
    await writeAuthority(files, made, null)
    const authority = opened(made, files, null)
    await publish(authority, folders, material)
    return authority
  }
  const { validToDate } = kept.certificate
  if (validToDate.getTime() < now())
    throw new Error(
      `${files.certificate} expired on ${validToDate.toISOString()}: "sallyport ca rotate" makes a new one, which clients must then trust`,
    )
  await publish(kept, folders)
  return kept
}

/** In its own folder, and where clients find it. */
export const publishedIn = (files: AuthorityFolder, trust: TrustFolder): readonly TrustFolder[] => [...new Set([files, trust])]

/** Rejects where it cannot be recorded. */
export type RecordRotation = (next: CertificateAuthority, before: CertificateAuthority) => Promise<void>

/**
 * A new CA takes the place of the one that is there, once that is recorded; publish it next. For `overlapMs` its leaves are trusted by
 * clients of the one before as well, whose key is gone at once; `null`: from now on they are not. Throws `RotationRefused` where that
 * cannot be, and what `record` throws.
 */
export async function rotateAuthority(
  files: AuthorityFolder,
  overlapMs: number | null,
  nowMs: number,
  record: RecordRotation = async () => {},
): Promise<CertificateAuthority> {
  const current = await readAuthority(files, nowMs)
  if (current === null) throw new RotationRefused(`there is no CA yet (${files.key}); it is made when the gateway first starts`)
  if (overlapMs !== null && current.overlap !== null)
    throw new RotationRefused(
      `the CA was rotated before, and clients of the one before it are kept working until ${new Date(current.overlap.untilMs).toISOString()}; wait for that, or cut them off with --no-overlap`,
    )
  const { createCross, makeAuthority } = await import('./issue.ts')
  const made = await makeAuthority(nowMs)
  const isExpired = current.certificate.validToDate.getTime() < nowMs
  const cross = overlapMs === null || isExpired ? null : await createCross(current, made.certificate, nowMs, overlapMs)
  const untilMs = cross === null ? 0 : new X509Certificate(cross).validToDate.getTime()
  const next = opened(made, files, cross === null ? null : { cross, previous: current.certificate, untilMs })
  await record(next, current)
  await writeAuthority(files, made, next.overlap)
  return next
}

function opened({ certificate, key }: MadeAuthority, { leafKey }: AuthorityFolder, overlap: Overlap | null): CertificateAuthority {
  return { certificate: new X509Certificate(certificate), privateKey: createPrivateKey(key), overlap, leafKeyFile: leafKey }
}
