/** The tracing station: which settled requests become spans, and what their destinations are told of the trace. */
import type { Arrival, Continued, Ended, HeaderList, RedactionSettings, TraceparentMode, Tracing } from '../core/index.ts'
import { withoutTrace } from '../telemetry/index.ts'
import type { Mask } from './attributes.ts'
import { exchangeSpan, spansText } from './request-spans.ts'
import { createIsSampled, isAlwaysKept } from './sampling.ts'
import { createSpanIds, requestDigits } from './span-ids.ts'
import type { SpanQueue } from './span-queue.ts'

/** Callers that proved no integration share a place in the queue. */
const unidentified = '-'

export interface TracingOptions {
  readonly queue: Pick<SpanQueue, 'put'>
  readonly ratio: number
  /** For what one integration sent; `null` for callers that proved none. */
  readonly maskOf: (own: RedactionSettings | null) => Mask
  /** Of integrations whose manifest does not say. */
  readonly traceparent: TraceparentMode
  readonly onBug: (error: unknown) => void
}

export function createTracing({ queue, ratio, maskOf, traceparent, onBug }: TracingOptions): Tracing {
  const nextDigits = createSpanIds()
  const isSampled = createIsSampled(ratio)

  function exported(ended: Ended): boolean {
    if (!isAlwaysKept(ended) && !isSampled(ended.trace)) return false
    const { integration = null } = ended.who ?? {}
    const digits = ended.span?.slice(0, requestDigits) ?? nextDigits()
    const text = spansText(ended, ended.path.times, digits, maskOf(integration?.redaction ?? null))
    return queue.put(integration?.name ?? unidentified, text)
  }

  return {
    settled(ended) {
      try {
        return exported(ended)
      } catch (error) {
        onBug(error)
        return false
      }
    },
    outgoing(headers, { telemetry }, arrival, trace) {
      const mode = telemetry?.traceparent ?? traceparent
      if (mode === 'unchanged') return null
      if (mode === 'remove') return { headers: withoutTrace(headers), span: null }
      return continued(headers, arrival, trace, exchangeSpan(nextDigits()), isSampled(trace))
    },
  }
}

/** W3C Trace Context: whatever flags the caller sent, they are now about the gateway's own spans. */
function continued(headers: HeaderList, { traceContext = null }: Arrival, trace: string, span: string, isSampled: boolean): Continued {
  const own = ['traceparent', `00-${trace}-${span}-${isSampled ? '01' : '00'}`]
  const state = traceContext?.trace === trace && traceContext.state !== null ? ['tracestate', traceContext.state] : []
  return { headers: [...withoutTrace(headers), ...own, ...state], span }
}
