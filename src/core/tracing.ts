/** What spans are made from, once a request is settled, and how its trace goes on to its destination. */
import type { Arrival } from './arrival.ts'
import type { Identified } from './caller.ts'
import type { Decision } from './decision.ts'
import type { Integration } from './integration.ts'
import type { JsonObject } from './json.ts'
import type { Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'
import type { HeaderList } from './request.ts'
import type { PathTimes } from './timeline.ts'

/** A request that has come to its end. Read it now: it is the request's own, and is not to be kept. */
export interface Ended {
  readonly arrival: Arrival
  /** Of its records. */
  readonly trace: string
  readonly who: Identified | null
  /** `null` where the path ended before. */
  readonly decision: Decision | null
  /** What would be touched, as its claim says it; `null` where there is no decision. */
  readonly subject: JsonObject | null
  readonly origin: string | null
  readonly refusal: Refusal | null
  readonly path: { readonly times: PathTimes }
  readonly outcome: Outcome
  /** Of the span that its destination was told of; `null` where it was told of none. */
  readonly span: string | null
}

/** The trace that a destination is told of. */
export interface Continued {
  readonly headers: HeaderList
  /** That it is told of: 16 digits; `null` where it is told of none. */
  readonly span: string | null
}

export interface Tracing {
  /** Never throws, and nothing waits for it. Answers whether its spans are exported, so that an exemplar leads to something. Absent: no spans are made. */
  settled?(ended: Ended): boolean
  /** `headers` as they go to a destination; `null` where they go unchanged. */
  outgoing(headers: HeaderList, integration: Integration, arrival: Arrival, trace: string): Continued | null
}
