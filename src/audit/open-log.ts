/** Opens a log's files: begins one where there is none, closes a chain of before, recovers what an earlier run left. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { segmentsAmong } from '../records/index.ts'
import type { AppendFile } from './append-file.ts'
import { damaged } from './audit-error.ts'
import { closeChain } from './chain/index.ts'
import { createLog, hasLog, keyBeside, writeVerifierKey } from './create-log.ts'
import { Integrator } from './integrator.ts'
import { verifierKey } from './note.ts'
import { type Recovered, recover } from './recover.ts'
import type { OpenSigner } from './signer.ts'
import { Writer } from './writer.ts'

export interface LogOptions {
  readonly folder: string
  readonly signer: OpenSigner
  readonly maxSegmentBytes: number
  readonly file: AppendFile
  readonly onBroken: (error: Error) => void
  readonly onRotationFailed: (error: Error) => void
  readonly onStalled: (isStalled: boolean) => void
  readonly onUnpublished: (error: Error | null) => void
  readonly stallMs?: number | undefined
}

/** Of the first record of a log whose folder has a chain of before. */
export type Migrated = { readonly head: string; readonly records: number; readonly segments: number; readonly closed: string }

export interface OpenedLog {
  readonly recovered: Recovered
  /** To be recorded before all else. */
  readonly migrated: Migrated | null
  readonly writer: Writer
  readonly integrator: Integrator
}

/** Throws `AuditError` where the log was changed, or is another gateway's; what the file system and the signer throw. */
export async function openLog(options: LogOptions): Promise<OpenedLog> {
  const { folder, maxSegmentBytes, file, onBroken, onRotationFailed, onStalled, onUnpublished, stallMs } = options
  const isThere = hasLog(folder)
  const segments = segmentsAmong(readdirSync(folder))
  // A chain that does not hold is not closed: nothing is begun beside it.
  const chain = isThere || segments.length === 0 ? null : closeChain(folder, segments)
  const signer = await options.signer(!isThere, isThere ? keyBeside(folder) : null)
  if (!isThere) await createLog(folder, signer)
  const found = recover(folder, signer.publicKey)
  await checkVerifierKey(folder, found.checkpoint.origin, signer.publicKey)
  // The record of the migration may not have reached the disk at the first start.
  const closed = found.next > 0 || segments.length === 0 ? null : (chain ?? closeChain(folder, segments))
  const recovered =
    closed === null ? found : { ...found, cutBytes: found.cutBytes + closed.cutBytes, unsettled: [...closed.unsettled, ...found.unsettled] }
  const { wals, walBytes, next, tree, position, checkpoint, partials } = recovered
  const [wal, log] = [wals.at(-1) ?? 0, { folder, signer, tree, position, checkpoint, partials, wals }]
  const writer = new Writer({
    ...{
      folder: join(folder, 'wal'),
      wal,
      walBytes,
      maxWalBytes: maxSegmentBytes,
      next,
      file,
      onBroken,
      onRotationFailed,
      onStalled,
      stallMs,
    },
    onLanded: (group) => integrator.take(group),
    onRotated: (first) => integrator.rotated(first),
  })
  // Behind the writer, which throws where nothing can be written.
  const integrator = new Integrator({ ...log, files: file.whole, durable: next, onFailed: onUnpublished })
  return { recovered, migrated: closed === null ? null : migratedFrom(closed), writer, integrator }
}

function migratedFrom({ head, records, segments, closed }: Migrated): Migrated {
  return { head, records, segments, closed }
}

/** Without the file nobody can check the log: it is written again. Throws `AuditError` where it names another key. */
async function checkVerifierKey(folder: string, origin: string, publicKey: Buffer): Promise<void> {
  const path = join(folder, 'verifier-key')
  if (!existsSync(path)) await writeVerifierKey(folder, origin, publicKey)
  else if (readFileSync(path, 'utf8').trim() !== verifierKey(origin, publicKey))
    throw damaged('verifier-key', 'it is not the key of this log: verifiers would trust another')
}
