/** Makes an event fit that is larger than may be sent: what is left out is marked, so that no caller can avoid being reported. */
import type { Json, JsonObject } from '../core/index.ts'
import { hasMembers, parseExactJson, stringify } from '../text/index.ts'
import type { DecisionEvent } from './event.ts'

/** Stands at the end of a text that was cut, in a list or an object for the members that are missing, and for what lay too deep. */
const cutMark = '…[cut]'

interface Bounds {
  readonly maxCharacters: number
  readonly maxMembers: number
  readonly maxDepth: number
}

/** The first that makes the event fit is taken. */
const steps: readonly Bounds[] = [
  { maxCharacters: 4096, maxMembers: 200, maxDepth: 32 },
  { maxCharacters: 1024, maxMembers: 50, maxDepth: 16 },
  { maxCharacters: 256, maxMembers: 20, maxDepth: 8 },
  { maxCharacters: 64, maxMembers: 10, maxDepth: 6 },
]

/** The keys down to here are the gateway's own: `input.http.host`. */
const ownDepth = 3

/** `null`: even without its input and the reasons it is larger. The event is masked already: nothing of a secret is cut in two. */
function shorten(event: DecisionEvent, maxBytes: number): DecisionEvent | null {
  const whole = event as unknown as JsonObject
  for (const bounds of steps) {
    const shorter = cut(whole, bounds, 0)
    if (sizeOf(shorter) <= maxBytes) return shorter as unknown as DecisionEvent
  }
  const { input, result, ...rest } = whole
  const { allow, rule } = (result ?? {}) as JsonObject
  const least = cut(
    {
      ...rest,
      ...(input !== undefined && { input: cutMark }),
      ...(result !== undefined && { result: { ...(allow !== undefined && { allow }), ...(rule !== undefined && { rule }) } }),
    },
    steps.at(-1) as Bounds,
    0,
  )
  return sizeOf(least) <= maxBytes ? (least as unknown as DecisionEvent) : null
}

/** As `shorten`, of an event that was written. */
export function shortenWritten(event: Buffer, maxBytes: number): Buffer | null {
  const shorter = shorten(parseExactJson(event.toString()) as unknown as DecisionEvent, maxBytes)
  return shorter === null ? null : Buffer.from(stringify(shorter as unknown as JsonObject))
}

function sizeOf(value: Json): number {
  return Buffer.byteLength(stringify(value))
}

function cut(value: Json, bounds: Bounds, depth: number): Json {
  if (typeof value === 'string') return cutText(value, bounds.maxCharacters)
  if (!hasMembers(value)) return value
  if (depth >= bounds.maxDepth) return cutMark
  const maxMembers = depth < ownDepth ? Number.POSITIVE_INFINITY : bounds.maxMembers
  if (Array.isArray(value)) {
    const items = value.slice(0, maxMembers).map((item) => cut(item, bounds, depth + 1))
    return items.length === value.length ? items : [...items, cutMark]
  }
  const entries = Object.entries(value)
  const kept = entries
    .slice(0, maxMembers)
    .map(([key, item]) => [cutText(key, bounds.maxCharacters), cut(item, bounds, depth + 1)] as const)
  // Object.fromEntries: a key called `__proto__` is a key.
  return Object.fromEntries(kept.length === entries.length ? kept : [...kept, [cutMark, entries.length - kept.length]])
}

function cutText(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters).toWellFormed()}${cutMark}`
}
