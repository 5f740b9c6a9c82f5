/** The audit station: opens the log, recovers it, and gives each arrival its entry. */
import { mkdirSync } from 'node:fs'
import type { AuditLog } from '../core/index.ts'
import { lockFolder } from '../files/index.ts'
import { recordVersion } from '../records/index.ts'
import { hashLine, oneLine } from './chain.ts'
import { ArrivalEntry, type AuditMask, type EntryLog } from './entry.ts'
import { AuditError } from './line.ts'
import { recover } from './recover.ts'
import { type AppendFile, realFile } from './segment-files.ts'
import { createSums } from './sums.ts'
import { type Facts, factsText } from './text.ts'
import { createTraceIds } from './trace-ids.ts'
import { type Group, Writer } from './writer.ts'

export interface AuditOptions {
  readonly folder: string
  readonly maxSegmentBytes: number
  readonly durability: 'reply' | 'strict'
  readonly version: string
  readonly mask: AuditMask
  readonly onBroken: (error: Error) => void
  /** The log continues in a segment that is larger than it should be. */
  readonly onRotationFailed?: (error: Error) => void
  /** The disk has taken nothing for `stallMs`, and until it does everything is refused; or it takes records again. */
  readonly onStalled?: (isStalled: boolean) => void
  readonly stallMs?: number
  readonly file?: AppendFile
  /** Takes the folder, and gives what gives it back; for a folder that its opener holds already, nothing. */
  readonly lock?: (folder: string) => () => void
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface AuditStatus {
  /** Of what is on disk: noted elsewhere, it is found in the log later. */
  readonly head: string
  readonly records: number
  readonly broken: boolean
  /** The disk has not taken a write for so long that everything is refused. */
  readonly stalled: boolean
  /** Ids that the previous run decided and never settled. */
  readonly unsettledBefore: number
}

export interface AuditStation extends AuditLog {
  status(): AuditStatus
  /** Resolves once the start is on disk. Throws `AuditError` where nothing can be written. */
  ready(): Promise<void>
  /** A record of something that is not an arrival: a reload, a breaker. Values must not hold a secret. */
  note(
    type:
      | 'activated'
      | 'rejected'
      | 'breaker'
      | 'difference'
      | 'reference'
      | 'shadow'
      | 'revoked'
      | 'access'
      | 'suspended'
      | 'resumed'
      | 'ca-rotated'
      | 'sink-refused'
      | 'sink-gap'
      | 'read'
      | 'hold'
      | 'released'
      | 'finding'
      | 'reviewed',
    facts: Facts,
  ): void
  /** Resolves once all that was noted so far is on disk. Rejects with `Refusal('audit-unavailable')` where it will not be. */
  noted(): Promise<void>
  /** Resolves once every arrival is settled, or the time is over. */
  settled(withinMs: number): Promise<void>
  /** Writes sums and the last record, and closes. */
  close(): Promise<void>
}

/** Throws `FolderLockError` where the log is in use, `AuditError` where it was changed or cannot be opened. */
export function openAudit(options: AuditOptions): AuditStation {
  const { folder, maxSegmentBytes, durability, version, mask, file = realFile, wallClock = Date.now, lock = lockFolder } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const unlock = lock(folder)
  const { recovered, writer } = openLog()
  let seq = recovered.nextSeq
  let head = recovered.head
  let clockMs = 0
  let clockText = ''

  function openLog() {
    const { onBroken, onRotationFailed = () => {}, onStalled = () => {}, stallMs } = options
    try {
      const recovered = recover(folder)
      const { segment, segmentBytes, nextSeq } = recovered
      const writerOptions = {
        folder,
        segment: segment ?? 1,
        segmentBytes,
        maxSegmentBytes,
        file,
        onBroken,
        onRotationFailed,
        onStalled,
        stallMs,
      }
      return { recovered, writer: new Writer(writerOptions, { hash: recovered.head, seq: nextSeq - 1 }) }
    } catch (error) {
      unlock()
      throw unwritable(error as Error)
    }
  }

  /** What is wrong with the log itself says so already. */
  function unwritable(cause: Error): AuditError {
    if (cause instanceof AuditError) return cause
    return new AuditError(`the audit log in ${folder} cannot be written, and nothing would be answered: ${cause.message}`, { cause })
  }

  function time(): string {
    const now = wallClock()
    if (now !== clockMs) {
      clockMs = now
      clockText = new Date(now).toISOString()
    }
    return clockText
  }

  const log: EntryLog = {
    writer,
    mask,
    traceId: createTraceIds(),
    append(type, fields, urgent, owner = '') {
      const line = oneLine(`{"seq":${seq},"time":"${time()}","type":"${type}",${fields},"prev":"${head}"}`)
      head = hashLine(line)
      return writer.append(line, head, seq++, urgent, owner)
    },
    sum: (who, code, isIntegration) => sums.count(who, code, isIntegration),
    ended() {
      unsettled -= 1
      if (unsettled === 0) onSettled()
    },
  }
  let unsettled = 0
  let onSettled = () => {}
  let lastNote: Group | null = null
  const durable = async (group: Group): Promise<void> => {
    await (writer.durable(group) ?? undefined)
  }
  const sums = createSums({ time, quote: JSON.stringify, record: (fields) => durable(log.append('summed', fields, true)) })
  const started = log.append(
    'started',
    `"schema":${recordVersion},"version":"${version}","pid":${process.pid},"cutBytes":${recovered.cutBytes},"unsettled":${recovered.unsettled.length},"unsettledIds":${JSON.stringify(recovered.unsettled.slice(0, 100))}`,
    true,
  )

  return {
    strict: durability === 'strict',
    behind: (integration) => writer.behind(integration ?? ''),
    open(arrival) {
      unsettled += 1
      return new ArrivalEntry(log, arrival)
    },
    status() {
      const { hash, seq: records } = writer.head
      return {
        head: hash,
        records,
        broken: writer.broken !== null,
        stalled: writer.stalled !== null,
        unsettledBefore: recovered.unsettled.length,
      }
    },
    async ready() {
      try {
        await durable(started)
      } catch (error) {
        throw unwritable((error as Error).cause as Error)
      }
    },
    note(type, facts) {
      lastNote = log.append(type, factsText(mask, facts), true)
    },
    noted: async () => (lastNote === null ? undefined : durable(lastNote)),
    settled: (withinMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, withinMs)
        onSettled = () => {
          clearTimeout(timer)
          resolve()
        }
        if (unsettled === 0) onSettled()
      }),
    async close() {
      sums.flush()
      log.append('stopped', `"records":${seq}`, true)
      try {
        await writer.close()
      } finally {
        unlock()
      }
    },
  }
}
