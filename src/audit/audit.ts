/** The audit station: opens the log, recovers it, and gives each arrival its entry. */
import { mkdirSync } from 'node:fs'
import type { AccessRequest, AuditLog, Claim, Json } from '../core/index.ts'
import { FolderLockError, lockFolder } from '../files/index.ts'
import { recordVersion } from '../records/index.ts'
import { createRandomIds } from '../telemetry/index.ts'
import { type AppendFile, realFile } from './append-file.ts'
import { AuditError } from './audit-error.ts'
import { ArrivalEntry, type AuditMask, type EntryLog } from './entry.ts'
import { fitRecord } from './fit-record.ts'
import { inputText } from './input-text.ts'
import { type OpenedLog, openLog } from './open-log.ts'
import type { OpenSigner } from './signer.ts'
import { createSums } from './sums.ts'
import { type Facts, factsText } from './text.ts'
import type { Group } from './writer.ts'

/** W3C Trace Context. */
const traceBytes = 16

export interface AuditOptions {
  readonly folder: string
  readonly signer: OpenSigner
  readonly maxSegmentBytes: number
  readonly durability: 'reply' | 'strict'
  readonly version: string
  readonly mask: AuditMask
  /** SHA-256 of bodies is recorded. */
  readonly bodyHashes?: boolean
  /** The input that a decision was made on, masked; `null`: it is not recorded. */
  readonly inputOf?: ((request: AccessRequest, claim: Claim) => Json) | null
  readonly onBroken: (error: Error) => void
  /** Tiles or checkpoints cannot be written or signed, which is tried each second; `null`: they can again. */
  readonly onUnpublished?: (error: Error | null) => void
  /** The log continues in a write-ahead file that is larger than it should be. */
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
  /** The last one that is published: noted elsewhere, its records are found in the log later. `root` is in base64. */
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string }
  /** Those on disk. */
  readonly records: number
  /** Index of the newest of them; `null` where there is none. */
  readonly newest: number | null
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
      | 'containment'
      | 'resumed'
      | 'ca-rotated'
      | 'acted'
      | 'operator-refused'
      | 'sink-refused'
      | 'sink-gap'
      | 'read'
      | 'hold'
      | 'released'
      | 'incident'
      | 'alert'
      | 'pruned'
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
export async function openAudit(options: AuditOptions): Promise<AuditStation> {
  const { folder, lock = lockFolder } = options
  const unlock = takeFolder(folder, lock)
  try {
    const log = await openLog({ file: realFile, onRotationFailed: () => {}, onStalled: () => {}, onUnpublished: () => {}, ...options })
    return createStation(options, log, unlock)
  } catch (error) {
    unlock()
    throw unwritable(folder, error as Error)
  }
}

function takeFolder(folder: string, lock: (folder: string) => () => void): () => void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return lock(folder)
  } catch (error) {
    throw error instanceof FolderLockError ? error : unwritable(folder, error as Error)
  }
}

/** What is wrong with the log itself says so already. */
function unwritable(folder: string, cause: Error): AuditError {
  if (cause instanceof AuditError) return cause
  return new AuditError(`the audit log in ${folder} cannot be written, and nothing would be answered: ${cause.message}`, { cause })
}

function createStation(options: AuditOptions, { recovered, migrated, writer, integrator }: OpenedLog, unlock: () => void): AuditStation {
  const { folder, durability, version, mask, bodyHashes = false, inputOf = null, wallClock = Date.now } = options
  let seq = recovered.next
  let clockMs = 0
  let clockText = ''

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
    input: inputOf === null ? null : (request, claim) => inputText(inputOf(request, claim)),
    traceId: createRandomIds(traceBytes),
    append(type, fields, urgent, owner = '') {
      return writer.append(fitRecord(`{"seq":${seq++},"time":"${time()}","type":"${type}",${fields}}`), urgent, owner)
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
  if (migrated !== null) log.append('migrated', factsText(mask, migrated), true)
  const started = log.append(
    'started',
    `"schema":${recordVersion},"version":"${version}","pid":${process.pid},"cutBytes":${recovered.cutBytes},"unsettled":${recovered.unsettled.length},"unsettledIds":${JSON.stringify(recovered.unsettled.slice(0, 100))}`,
    true,
  )

  return {
    strict: durability === 'strict',
    hashesBodies: bodyHashes,
    behind: (integration) => writer.behind(integration ?? ''),
    open(arrival) {
      unsettled += 1
      return new ArrivalEntry(log, arrival)
    },
    status() {
      const { origin, size, root } = integrator.checkpoint
      const records = writer.durableRecords
      return {
        checkpoint: { origin, size, root: root.toString('base64') },
        records,
        newest: records === 0 ? null : records - 1,
        broken: writer.broken !== null,
        stalled: writer.stalled !== null,
        unsettledBefore: recovered.unsettled.length,
      }
    },
    async ready() {
      try {
        await durable(started)
      } catch (error) {
        throw unwritable(folder, (error as Error).cause as Error)
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
        await integrator.close()
      } finally {
        unlock()
      }
    },
  }
}
