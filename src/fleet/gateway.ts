/** What is known of one gateway: how far its records have come, and how far they are proven. */
import type { FindingKind } from './finding.ts'

/** As it is kept: JSON. */
export interface Gateway {
  readonly origin: string
  /** Verifier key: of the file of keys, or the first that it was seen with. */
  key: string | null
  /** Index of the first record that was received; null before it. */
  first: number | null
  /** One behind the highest index that was received. */
  next: number
  /** Ranges of indexes below `next` that have not come, `[from, to)`, ascending. */
  missing: [number, number][]
  /** The same of records whose content does not come: their hashes are announced. */
  promised: [number, number][]
  /** Checkpoint up to which everything is proven; null where the first record that came is not that of the log. */
  proven: { size: number; root: string; range: readonly string[] } | null
  /** Of the last message; milliseconds since 1970. */
  lastMs: number
  /** The last record says that the gateway has stopped. */
  hasStopped: boolean
  isSilent: boolean
  /** Records, each counted once. */
  records: number
  /** At least once: what came again, and is the same. */
  duplicates: number
  findings: number
  /** Of each kind, the index with which the last finding would go on: a thousand records rewritten are one finding. */
  runs: Partial<Record<FindingKind, number>>
}

export function newGateway(origin: string): Gateway {
  return {
    origin,
    key: null,
    first: null,
    next: 0,
    missing: [],
    promised: [],
    proven: null,
    lastMs: 0,
    hasStopped: false,
    isSilent: false,
    records: 0,
    duplicates: 0,
    findings: 0,
    runs: {},
  }
}

/** Whether a finding of this kind about `index` goes on with the last one; the next one that does is then the index behind it. */
export function continuesRun(gateway: Gateway, kind: FindingKind, index: number): boolean {
  const continues = gateway.runs[kind] === index
  gateway.runs[kind] = index + 1
  return continues
}

/** Takes an index from ranges; false where it is in none. */
export function fill(ranges: [number, number][], index: number): boolean {
  const at = ranges.findIndex(([from, to]) => from <= index && index < to)
  const [from, to] = ranges[at] ?? [0, 0]
  if (at < 0) return false
  const parts: [number, number][] = [
    [from, index],
    [index + 1, to],
  ]
  ranges.splice(at, 1, ...parts.filter(([start, end]) => start < end))
  return true
}
