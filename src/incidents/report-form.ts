/** What the report of an incident has, as its JSON. */
import type { Incident } from './incident.ts'
import type { ProvedRecords } from './proved.ts'
import type { DecisionGroup, Destination, RequestFigures } from './requests.ts'
import type { TimelineRow } from './timeline.ts'
import type { Times } from './times.ts'

export interface Revision {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly record: number
  readonly revision: string
  /** The one before; `null`: there was none. */
  readonly previous: string | null
  readonly how: string
  readonly by: string
  /** What changed for which integration, as the gateway recorded it. */
  readonly changed: string | null
}

/** Of the log as it is now, where that is within the window: what was before is not in it. `record` above 0: retention has removed what was before. */
export interface LogBeginning {
  readonly time: string
  readonly record: number
}

export interface SeenDestination extends Destination {
  /** Its host was never asked for before the window, as far as the log goes back; `null`: that cannot be told. */
  readonly isNew: boolean | null
}

export interface IncidentReport {
  readonly incident: Incident
  /** Sentences. */
  readonly summary: readonly string[]
  /** ISO 8601, UTC. `to`: of the report, where the incident goes on. */
  readonly window: { readonly from: string; readonly to: string; readonly records: number; readonly log: LogBeginning | null }
  readonly times: Times
  readonly figures: Omit<RequestFigures, 'groups' | 'destinations'> & { readonly destinations: readonly SeenDestination[] }
  /** Those that were denied, refused or broken off, and those to new destinations. */
  readonly decisions: readonly DecisionGroup[]
  readonly moreDecisions: number
  readonly revisions: readonly Revision[]
  readonly timeline: readonly TimelineRow[]
  readonly moreRecords: number
  readonly proof: ProvedRecords
  readonly questions: readonly string[]
}

/** What the sentences of a report are made of. */
export type ReportBody = Omit<IncidentReport, 'summary' | 'questions'>
