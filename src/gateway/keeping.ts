/** Joins what is kept of the log: its retention, the room on its disk, and what metrics and the operational log say of both. */
import type { ArchiveRecords } from '../admin/index.ts'
import type { AuditStation } from '../audit/index.ts'
import { createFreeSpace, createRetention, HeldError, type Room } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface Keeping {
  /** Resolves once it is known how much room there is. */
  start(): Promise<void>
  room(): Room
  /** Throws `Refusal('audit-unavailable')` where there is too little. */
  requireRoom(): void
  readonly archive: ArchiveRecords
  close(): void
}

export interface KeepingOptions {
  readonly config: Config
  readonly audit: Pick<AuditStation, 'note' | 'noted'>
  /** Index of the next record of each sink; `null`: not known yet. */
  readonly sinks: () => readonly { readonly next: number | null }[]
  /** Index of the first record that a legal hold keeps; `null`: none does. */
  readonly heldFrom: () => number | null
  readonly logger: Logger
  readonly metrics: Metrics
  /** Milliseconds since the epoch, by which records are old. */
  readonly wallClock?: (() => number) | undefined
}

const roomMs = 1000
const retentionMs = 60_000

export function createKeeping({ config, audit, sinks, heldFrom, logger, metrics, wallClock }: KeepingOptions): Keeping {
  const { folder, keep, archive, reserveBytes } = config.audit
  const space = createFreeSpace({ folder, reserveBytes, onChanged: tell })
  const timers: NodeJS.Timeout[] = []
  metrics.gauge('sallyport_audit_free_bytes', 'Free space where the audit log is.', () => space.free() ?? 0)
  metrics.gauge('sallyport_audit_reserve_bytes', 'Free space below which new work is refused (`audit.reserve`).', () => reserveBytes)
  const pruned = metrics.labelledCounter('sallyport_audit_pruned_records_total', 'Records that retention has let go.', 'to', [
    'nowhere',
    'archive',
  ])
  const failures = metrics.counter('sallyport_audit_retention_failures_total', 'Times that retention could not do its work.')

  const retention = createRetention({
    ...{ folder, keep, archive, heldFrom },
    ...(wallClock && { wallClock }),
    async record(told) {
      audit.note('pruned', { ...told })
      await audit.noted()
    },
    // What is not known yet may be anything.
    wanted: () => (sinks().length === 0 ? null : Math.min(...sinks().map(({ next }) => next ?? 0))),
  })

  function tell(room: Room, freeBytes: number): void {
    const facts = { freeBytes, reserveBytes, folder }
    if (room === 'full')
      logger.fatal(facts, 'the disk of the audit log is nearly full, and new work is refused: free space there, or lower audit.keep')
    else if (room === 'low') logger.warn(facts, 'the disk of the audit log has little room left: below audit.reserve new work is refused')
    else logger.info(facts, 'the disk of the audit log has room again')
  }

  async function look(): Promise<void> {
    try {
      const count = await retention.look()
      pruned.inc({ to: archive === null ? 'nowhere' : 'archive' }, count)
      if (count > 0) logger.info({ records: count, archive }, 'records of the audit log have gone, as audit.keep says')
    } catch (error) {
      failures.inc()
      logger.error({ err: error }, 'records of the audit log that may go cannot be removed or archived')
    }
  }

  const archiveByHand: ArchiveRecords = async (end, who) => {
    if (archive === null) return { ok: false, problem: 'there is no archive: name a folder as audit.archive in sallyport.yaml' }
    try {
      const records = await retention.archive(end, archive, `by hand (${who})`)
      pruned.inc({ to: 'archive' }, records)
      return { ok: true, records, to: archive }
    } catch (error) {
      if (error instanceof HeldError) return { ok: false, problem: error.message }
      throw error
    }
  }

  return {
    async start() {
      await space.look()
      timers.push(setInterval(() => void space.look(), roomMs).unref())
      if (keep.forMs !== null || keep.bytes !== null) timers.push(setInterval(() => void look(), retentionMs).unref())
    },
    room: space.room,
    requireRoom: space.requireRoom,
    archive: archiveByHand,
    close() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
