/** Of which requests the spans are exported: a share of those that went well, and all others. */
import type { Ended } from '../core/index.ts'

/** The last digits of a trace id are random (W3C Trace Context 2); so many make a whole number exactly. */
const digits = 13
const all = 16 ** digits

/** By the trace id, so that gateways on one trace choose alike, and whatever else the caller says of it. */
export function createIsSampled(ratio: number): (trace: string) => boolean {
  const below = ratio * all
  return (trace) => Number.parseInt(trace.slice(-digits), 16) < below
}

/** It was denied, refused or broken off, or its destination failed. The refusals of a flood are no more than a number, as in records. */
export function isAlwaysKept({ decision, outcome: { problem, status } }: Pick<Ended, 'decision' | 'outcome'>): boolean {
  return (problem !== null && problem !== 'arrivals-exceeded') || decision?.allow === false || status >= 500
}
