/** `sallyport audit tail | verify`. */
import { continueAudit, type Verification, verifyAudit } from '../audit/index.ts'
import { followAudit, tailAudit } from '../records/index.ts'
import { visibleText } from '../text/index.ts'
import { createRows } from './audit-rows.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface TailFlags {
  /** Records with `json`, else rows. */
  readonly lines: number
  readonly follow: boolean
  readonly json: boolean
}

/** Most rows are a decision and its settlement; what is under way in between needs some more. */
const spareLines = 20

export async function auditTail(folder: string, { lines, follow, json }: TailFlags): Promise<void> {
  await requireLog(folder, async () => {
    let count = json ? lines : lines * 2 + spareLines
    let beginning = await read()
    // Records that complete no row, and the first halves of rows that are older, count for nothing: then more are read.
    while (!json && beginning.shown.length < lines && beginning.tail.lines.length === count) {
      count *= 4
      beginning = await read()
    }
    const { tail, rows, shown } = beginning
    if (tail.end.file === null && !follow) throw noLog(folder)
    for (const text of shown.slice(Math.max(0, shown.length - lines))) print(text)
    if (!follow) return
    for await (const line of followAudit(folder, tail.end)) print(json ? line.text : rows.take(line))

    async function read() {
      const tail = await tailAudit(folder, count)
      const rows = createRows()
      if (json) return { tail, rows, shown: tail.lines.map(({ text }) => text) }
      const settled = tail.lines.map((line) => rows.take(line)).filter((text) => text !== null)
      // With --follow a request is shown once, when it is settled.
      return { tail, rows, shown: follow ? settled : settled.concat(rows.unsettled()) }
    }
  })
}

export interface VerifyFlags {
  readonly json: boolean
  /** Heads that were noted elsewhere. */
  readonly head: readonly string[]
  /** What "audit continue" has recorded is not a failure. */
  readonly acceptClosed: boolean
}

/** `false`: it does not hold. */
export async function auditVerify(folder: string, { json, head: noted, acceptClosed }: VerifyFlags): Promise<boolean> {
  const result = await requireLog(folder, async () => {
    const found = await verifyAudit(folder, noted)
    if (found.segments === 0) throw noLog(folder)
    return found
  })
  const holds = result.findings.every(({ isClosed }) => acceptClosed && isClosed)
  if (json) print(JSON.stringify(result))
  else for (const text of verificationRows(result, holds)) print(text)
  return holds
}

function* verificationRows({ records, segments, head, unsettled, findings, noted }: Verification, holds: boolean): Generator<string> {
  const open = unsettled > 0 ? `; ${unsettled} not settled (under way, or cut off by a crash)` : ''
  if (findings.length === 0) yield `OK: ${records} records in ${segments} segment${segments === 1 ? '' : 's'}, the chain holds${open}`
  else if (holds) yield `OK: ${records} records, the chain holds since the log was last closed; what was found before:`
  else yield `BROKEN: ${findings.length} finding${findings.length === 1 ? '' : 's'} in ${records} records`
  for (const { file, line, what, isClosed } of findings)
    yield `  ${file}:${line}: ${what}${isClosed ? ' (closed by "audit continue")' : ''}`
  for (const { head: hash, file, line } of noted) if (file !== null) yield `noted ${hash} is ${file}:${line}`
  yield `head ${head}`
}

/** Gives what was done. */
export async function auditContinue(folder: string, reason: string): Promise<string> {
  const by = `uid ${process.getuid?.() ?? 'unknown'}`
  const { file, findings, firstFinding } = await requireLog(folder, () => continueAudit(folder, { reason, by }))
  return visibleText(
    `closed with ${findings} finding${findings === 1 ? '' : 's'} (${firstFinding}), and continued in ${file}; nothing was removed`,
  )
}

async function requireLog<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw noLog(path ?? folder)
    if (code === 'ENOTDIR') throw new CommandError(`${path} is not a folder: the audit log cannot be there`)
    if (code === 'EACCES')
      throw new CommandError(`the audit log cannot be read by you (${path}); it belongs to the user that runs the gateway`)
    throw error
  }
}

function noLog(path: string): CommandError {
  return new CommandError(`there is no audit log yet (${path}); it begins when the gateway first starts`, exitCodes.unavailable)
}

/** What came from outside does nothing to a terminal. */
function print(text: string | null): void {
  if (text !== null) process.stdout.write(`${visibleText(text)}\n`)
}
