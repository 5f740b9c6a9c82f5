/** The trace that a request is a part of (W3C Trace Context). */

/** As a caller says it, in a valid `traceparent`: a label, which proves nothing and decides nothing. */
export interface TraceContext {
  /** 32 digits, lower case. */
  readonly trace: string
  /** Of the caller: 16 digits. */
  readonly span: string
  /** `tracestate` as it was sent, several of them joined by commas; `null` where there is none. */
  readonly state: string | null
}

/** What a manifest says of `traceparent` and `tracestate` on the way to destinations. */
export const traceparentModes = ['unchanged', 'continue', 'remove'] as const
export type TraceparentMode = (typeof traceparentModes)[number]
