/** What destinations are told of the trace where no spans are made: what the caller sent, or nothing. */
import type { HeaderList, TraceparentMode, Tracing } from '../core/index.ts'

/** `traceparent`: of integrations whose manifest does not say. A trace without spans is not continued: its next span would have no parent. */
export function createPassedTrace(traceparent: TraceparentMode): Tracing {
  return {
    outgoing(headers, { telemetry }) {
      return (telemetry?.traceparent ?? traceparent) === 'remove' ? { headers: withoutTrace(headers), span: null } : null
    },
  }
}

/** Without `traceparent` and `tracestate` (W3C Trace Context). */
export function withoutTrace(headers: HeaderList): string[] {
  const left: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    if (name !== 'traceparent' && name !== 'tracestate') left.push(headers[i] as string, headers[i + 1] as string)
  }
  return left
}
