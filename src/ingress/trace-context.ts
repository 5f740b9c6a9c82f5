/** The trace that a caller names in `traceparent` and `tracestate` (W3C Trace Context): for records and spans, and nothing is decided by it. */
import type { HeaderList, TraceContext } from '../core/index.ts'

/** Version, trace, parent, flags. A later version may have more behind it. */
const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:$|-)/
const maxStateCharacters = 512
/** Printable ASCII: what else a value may hold is no `tracestate`. */
const state = /^[\x20-\x7e]+$/

/** `null` where there is no valid `traceparent`, or more than one. */
export function traceContextOf(raw: HeaderList): TraceContext | null {
  let found: string | null = null
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length !== 11 || name.toLowerCase() !== 'traceparent') continue
    if (found !== null) return null
    found = raw[i + 1] as string
  }
  return found === null || found.length > 256 ? null : contextIn(found, raw)
}

function contextIn(value: string, raw: HeaderList): TraceContext | null {
  const [, version, trace, span] = traceparent.exec(value) ?? []
  if (trace === undefined || span === undefined || (version === '00' && value.length !== 55)) return null
  return { trace, span, state: stateIn(raw) }
}

/** One that is longer than receivers have to take is left out as a whole (§3.3.1.5). */
function stateIn(raw: HeaderList): string | null {
  const values: string[] = []
  for (let i = 0; i < raw.length; i += 2) if (raw[i]?.toLowerCase() === 'tracestate') values.push((raw[i + 1] as string).trim())
  const joined = values.filter((value) => value !== '').join(',')
  return joined.length <= maxStateCharacters && state.test(joined) ? joined : null
}
