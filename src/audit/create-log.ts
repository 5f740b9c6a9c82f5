/** Begins a log in a folder that has none: its name, its verifier key, and a checkpoint of nothing. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from '../files/index.ts'
import { walName, walsAmong } from '../records/index.ts'
import { AuditError, damaged } from './audit-error.ts'
import { checkpointText, publicKeyOf, signedNote, verifierKey } from './note.ts'
import type { Signer } from './signer.ts'
import { emptyRoot } from './tree/index.ts'

/** Throws `AuditError` where there are records and no checkpoint. */
export function hasLog(folder: string): boolean {
  const interrupted = readdirSync(folder).find((name) => name.startsWith('continuing-'))
  if (interrupted !== undefined)
    throw new AuditError(`${join(folder, interrupted)}: "sallyport audit continue" was interrupted: run it again`)
  if (existsSync(join(folder, 'checkpoint'))) return true
  const wal = join(folder, 'wal')
  const isWritten = existsSync(wal) && walsAmong(readdirSync(wal)).some((first) => statSync(join(wal, walName(first))).size > 0)
  if (isWritten || existsSync(join(folder, 'tile'))) throw damaged('checkpoint', 'it is missing, and there are records')
  return false
}

/** Its checkpoint comes last: without it the next start begins the log again. */
export async function createLog(folder: string, signer: Signer): Promise<void> {
  const origin = `sallyport/${randomUUID()}`
  mkdirSync(join(folder, 'wal'), { recursive: true, mode: 0o700 })
  await writeVerifierKey(folder, origin, signer.publicKey)
  const text = checkpointText({ origin, size: 0, root: emptyRoot })
  const note = signedNote(text, origin, signer.publicKey, await signer.sign(Buffer.from(text)))
  await writeAtomically(join(folder, 'checkpoint'), note, 0o600)
}

/** The public key that is beside the log, by which nothing is proved; `null` where there is none. */
export function keyBeside(folder: string): Buffer | null {
  const path = join(folder, 'verifier-key')
  return existsSync(path) ? publicKeyOf(readFileSync(path, 'utf8')) : null
}

export async function writeVerifierKey(folder: string, origin: string, publicKey: Buffer): Promise<void> {
  await writeAtomically(join(folder, 'verifier-key'), `${verifierKey(origin, publicKey)}\n`, 0o644)
}
