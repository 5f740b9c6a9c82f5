/** A path that can be told to the tracing station once it is settled. */
import type { Arrival } from './arrival.ts'
import type { Identified } from './caller.ts'
import type { Decision } from './decision.ts'
import type { JsonObject } from './json.ts'
import type { Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'
import type { HeaderList } from './request.ts'
import type { Entry, Stations } from './stations.ts'
import { Timeline } from './timeline.ts'
import type { Continued } from './tracing.ts'

export class TracedPath extends Timeline {
  protected readonly stations: Stations
  protected readonly arrival: Arrival
  /** `null` if it could not be opened: then nothing can be recorded, and the only answer is 503. */
  protected entry: Entry | null = null
  protected who: Identified | null = null
  protected origin: string | null = null
  protected decision: Decision | null = null
  /** Of the claim that was decided. */
  protected subject: JsonObject | null = null
  /** What the caller is answered; `null` while nothing refuses it. */
  refusal: Refusal | null = null
  /** What its destination was told of the trace. */
  #continued: Continued | null = null

  constructor(stations: Stations, arrival: Arrival) {
    super(stations.now)
    this.stations = stations
    this.arrival = arrival
  }

  override outgoing(headers: HeaderList): HeaderList {
    const { stations, who, entry, arrival } = this
    if (stations.tracing === undefined || who === null || entry === null) return headers
    this.#continued ??= stations.tracing.outgoing(headers, who.integration, arrival, entry.trace)
    return this.#continued?.headers ?? headers
  }

  /** Makes its spans. Answers the trace, where something is found under it. */
  protected traced(outcome: Outcome): string | null {
    const { stations, arrival, entry, who, decision, subject, origin, refusal } = this
    if (entry === null) return null
    const { tracing } = stations
    // What nobody looks for costs no id.
    if (tracing?.settled === undefined) return decision === null ? null : entry.trace
    const { trace } = entry
    const span = this.#continued?.span ?? null
    return tracing.settled({ arrival, trace, who, decision, subject, origin, refusal, path: this, outcome, span }) ? trace : null
  }
}
