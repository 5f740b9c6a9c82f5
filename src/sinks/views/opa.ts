/** Decisions as OPA's decision log has them (EventV1), as far as their records hold them; what is no decision has no place there. */
import type { Arrival, Json, JsonObject } from '../../core/index.ts'
import { type DecidedRecord, isDecided, requestOf } from '../../policy/index.ts'
import { createEvent } from '../../reporting/index.ts'
import type { View, ViewContext } from './view.ts'

export const opaView: View = {
  record: (record, context) => (isDecided(record) ? eventOf(record, record, context) : null),
  checkpoint: ({ size, note, time }, { origin, version }) => ({
    labels: { id: origin, version },
    timestamp: time,
    checkpoint: { size, note },
  }),
}

/** Nothing is masked again: the log never had it. */
const asItIs = { text: (text: string) => text, document: (value: Json) => value }

function eventOf(decided: DecidedRecord, record: JsonObject, { origin, version }: ViewContext): JsonObject {
  const { allow, rule, capability = null, reasons = [], revision } = decided
  const { request, claim } = requestOf(decided, () => undefined)
  const { metrics: _, ...event } = createEvent(
    {
      arrival: { peer: String(record['peer']) } as Arrival,
      ...{ request, claim, context: null, bundles: {}, evaluationMs: 0, number: Number(record['seq']) },
      decision: { allow, rule, capability, reasons, obligations: {}, revision },
    },
    { id: origin, version },
    asItIs,
  )
  const { input } = record
  return { ...(event as unknown as JsonObject), ...(typeof input === 'object' && input !== null && { input }) }
}
