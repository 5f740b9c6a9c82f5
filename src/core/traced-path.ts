/** A path that can be told to the tracing station once it is settled. */
import type { Identified } from './caller.ts'
import type { Decision } from './decision.ts'
import type { JsonObject } from './json.ts'
import { MeasuredPath } from './measured-path.ts'
import type { Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'
import { isTakeover, type Reply } from './reply.ts'
import type { HeaderList } from './request.ts'
import { serverTiming } from './server-timing.ts'
import type { Entry } from './stations.ts'
import type { Continued } from './tracing.ts'

export class TracedPath extends MeasuredPath {
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

  override outgoing(headers: HeaderList): HeaderList {
    const { stations, who, entry, arrival } = this
    if (stations.tracing === undefined || who === null || entry === null) return headers
    this.#continued ??= stations.tracing.outgoing(headers, who.integration, arrival, entry.trace)
    return this.#continued?.headers ?? headers
  }

  /** With `Server-Timing` where the manifest asks for it. */
  protected timed<R extends Reply>(reply: R): R {
    if (this.who?.integration.telemetry?.serverTiming !== true || isTakeover(reply)) return reply
    return { ...reply, headers: [...reply.headers, 'server-timing', serverTiming(this, this.cpuMs)] }
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
