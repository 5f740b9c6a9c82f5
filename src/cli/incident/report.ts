/** The report of the incident that a command names: of a log, or a copy of one. */
import { findIncident, type Incident, type IncidentReport, type Proofs, reportOf } from '../../incidents/index.ts'
import type { LogIndex } from '../../query/index.ts'
import { type LogFlags, withIndex } from '../audit/index.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'

export interface WhichFlags extends LogFlags {
  readonly integration?: string
  /** Milliseconds since the epoch. */
  readonly from?: number
  readonly to?: number
  readonly alert?: string
  readonly archive?: string
}

const hourMs = 3_600_000

/** By its id; or, of what nobody opened, by integration and times. Throws `CommandError` where there is none. */
export async function reportFor(
  id: string | undefined,
  flags: WhichFlags,
): Promise<{ readonly report: IncidentReport; readonly proofs: Proofs }> {
  const log = flags.folder ?? findConfig(flags.config).audit.folder
  const archive = flags.archive ?? (flags.folder === undefined ? findConfig(flags.config).audit.archive : null)
  return withIndex(flags, async (index) => {
    const now = Date.now()
    return reportOf({ log, index }, await incidentFor(index, id, flags, now), { now, archive })
  })
}

async function incidentFor(index: LogIndex, id: string | undefined, flags: WhichFlags, now: number): Promise<Incident> {
  const { integration, from = now - hourMs, to, alert } = flags
  if (id !== undefined && integration !== undefined)
    throw new CommandError('name an incident, or --integration with --from and --to: not both', exitCodes.usage)
  if (id !== undefined) {
    const found = await findIncident(index, id)
    if (found !== null) return found
    throw new CommandError(`the log has no incident "${id}"; "sallyport incident list" shows those that it has`)
  }
  if (integration === undefined)
    throw new CommandError('which incident? Give its id, or --integration with --from and --to for what nobody opened', exitCodes.usage)
  if (to !== undefined && to <= from) throw new CommandError('--to is not later than --from', exitCodes.usage)
  return {
    ...{ id: 'not-opened', integration, title: '', state: 'open', from: iso(from), to: to === undefined ? null : iso(to) },
    ...{ alert: alert ?? null, openedAt: iso(now), openedBy: 'nobody', notes: [], closedAt: null, closedBy: null },
    ...{ conclusion: null, records: [] },
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
