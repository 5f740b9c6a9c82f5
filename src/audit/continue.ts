/** Closes a log that does not hold, and begins a new one beside it: by an operator's command alone, and recorded. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFolderAtomically, lockFolder, syncFolder, writeSynced } from '../files/index.ts'
import { segmentsAmong, walName } from '../records/index.ts'
import { AuditError } from './audit-error.ts'
import { closeChain } from './chain/index.ts'
import { finishMoves, hashFiles, logFiles } from './closed-files.ts'
import { createLog, hasLog, keyBeside } from './create-log.ts'
import { fitRecord } from './fit-record.ts'
import { openCheckpoint } from './note.ts'
import { recover } from './recover.ts'
import type { OpenSigner, Signer } from './signer.ts'
import { encodeGroup } from './wal-group.ts'

export interface ContinueOptions {
  readonly signer: OpenSigner
  /** What is wrong with the log, found by other means than a start's: each with its place. */
  readonly findings: () => Promise<readonly string[]>
  /** Why, in the operator's words. */
  readonly reason: string
  /** Who runs the command. */
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface Continued {
  /** The folder that has the closed log now, below the log's. */
  readonly folder: string
  readonly findings: readonly string[]
}

/**
 * Moves all files of the log into a folder of their own, and begins a log whose first record, `continued`, says what was found, the
 * last checkpoint that holds, and the SHA-256 of all that was moved. What was interrupted is finished first. Throws
 * `FolderLockError` while a gateway runs, `AuditError` where there is nothing to close, and what the file system throws.
 */
export async function continueAudit(folder: string, options: ContinueOptions): Promise<Continued> {
  const unlock = lockFolder(folder)
  try {
    const begun = readdirSync(folder).find((name) => name.startsWith('continuing-'))
    if (begun !== undefined) {
      await finishMoves(folder, begun)
      return { folder: begun.replace('continuing', 'closed'), findings: ['the command was interrupted before'] }
    }
    return await close(folder, options)
  } finally {
    unlock()
  }
}

async function close(folder: string, { signer, findings: find, reason, by, wallClock = Date.now }: ContinueOptions): Promise<Continued> {
  if (logFiles(folder).length === 0) throw new AuditError(`there is no audit log in ${folder}`)
  const startFinding = await findingOfStart(folder, signer)
  const findings = [...(startFinding === null ? [] : [startFinding]), ...(await find())]
  const [firstFinding] = findings
  if (firstFinding === undefined) throw new AuditError('the audit log holds: there is nothing to close')
  const key = await signer(true, null)
  const time = new Date(wallClock()).toISOString()
  const stamp = time.replaceAll(/[:.]/g, '-')
  const record = {
    ...{ seq: 0, time, type: 'continued', findings: findings.length, firstFinding },
    ...{ checkpoint: lastCheckpoint(folder, key), folder: `closed-${stamp}`, closed: await hashFiles(folder), by, reason },
  }
  const begun = `continuing-${stamp}`
  await createFolderAtomically(join(folder, begun), async (temporary) => {
    await createLog(temporary, key)
    await writeSynced(join(temporary, 'wal', walName(0)), encodeGroup(0, [fitRecord(JSON.stringify(record))]).bytes, 0o600)
    await syncFolder(join(temporary, 'wal'))
  })
  await finishMoves(folder, begun)
  return { folder: `closed-${stamp}`, findings }
}

async function findingOfStart(folder: string, signer: OpenSigner): Promise<string | null> {
  try {
    if (hasLog(folder)) recover(folder, (await signer(false, keyBeside(folder))).publicKey)
    else closeChain(folder, segmentsAmong(readdirSync(folder)))
    return null
  } catch (error) {
    if (error instanceof AuditError) return error.message
    throw error
  }
}

/** By the key that signs now, or by the one that is beside the log. */
function lastCheckpoint(folder: string, { publicKey }: Signer) {
  for (const keyOf of [() => publicKey, () => keyBeside(folder)])
    try {
      const key = keyOf()
      if (key === null) continue
      const { origin, size, root } = openCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'), key)
      return { origin, size, root: root.toString('base64') }
    } catch {
      // Missing, or not signed by it: the next key, or none.
    }
  return null
}
