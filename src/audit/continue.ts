/** Closes a log whose chain is broken, and begins a new part behind it: by an operator's command alone, and recorded. */
import { createHash } from 'node:crypto'
import { closeSync, constants, createReadStream, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { lockFolder } from '../files/index.ts'
import { verifyChain } from '../proof/index.ts'
import { segmentName, segmentsAmong } from '../records/index.ts'
import { oneLine } from './chain.ts'
import { AuditError } from './line.ts'
import { cutTornTail } from './recover.ts'
import { realFile } from './segment-files.ts'

export interface ContinueOptions {
  /** Why, in the operator's words. */
  readonly reason: string
  /** Who runs the command. */
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface Continued {
  /** The segment that begins the new part. */
  readonly file: string
  readonly findings: number
  readonly firstFinding: string
}

/**
 * Writes a `continued` record that says what was found, and holds the SHA-256 of all that was there, so that `verify` tells later
 * whether that is still what it was. Nothing of the log is changed but an incomplete last line, which is kept as by a start.
 * Throws `FolderLockError` while a gateway runs, `AuditError` where there is nothing to close, and what the file system throws.
 */
export async function continueAudit(folder: string, { reason, by, wallClock = Date.now }: ContinueOptions): Promise<Continued> {
  const unlock = lockFolder(folder)
  try {
    const last = segmentsAmong(readdirSync(folder)).at(-1)
    if (last === undefined) throw new AuditError(`there is no audit log in ${folder}`)
    cutTornTail(join(folder, last))
    const { findings, head, lastSeq } = await verifyChain(folder)
    const open = findings.filter(({ isClosed }) => !isClosed)
    const [first] = open
    if (first === undefined) throw new AuditError('the chain of the audit log holds: there is nothing to close')
    const firstFinding = `${first.file}:${first.line} ${first.what}`
    const record = {
      seq: lastSeq + 1,
      time: new Date(wallClock()).toISOString(),
      type: 'continued',
      findings: open.length,
      firstFinding,
      closed: await hashAll(folder),
      by,
      reason: reason.slice(0, 1000),
      prev: head,
    }
    // One that holds nothing has nothing to be closed: the new part begins there.
    const isEmpty = statSync(join(folder, last)).size === 0
    const file = isEmpty ? last : segmentName(Number.parseInt(last, 10) + 1)
    writeFirst(folder, file, `${oneLine(JSON.stringify(record))}\n`)
    return { file, findings: open.length, firstFinding }
  } finally {
    unlock()
  }
}

async function hashAll(folder: string): Promise<string> {
  const all = createHash('sha256')
  for (const name of segmentsAmong(readdirSync(folder)))
    for await (const chunk of createReadStream(join(folder, name)) as AsyncIterable<Buffer>) all.update(chunk)
  return all.digest('hex')
}

/** Line and name survive a crash once it returns. A write that fails leaves an incomplete line, which the next start cuts. */
function writeFirst(folder: string, name: string, line: string): void {
  const segment = realFile.open(join(folder, name), false)
  const bytes = Buffer.from(line)
  try {
    for (let from = 0; from < bytes.byteLength; ) from += writeSync(segment, bytes, from)
  } finally {
    closeSync(segment)
  }
  const names = openSync(folder, constants.O_RDONLY)
  try {
    realFile.sync(names)
  } finally {
    closeSync(names)
  }
}
