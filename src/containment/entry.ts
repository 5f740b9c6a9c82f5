/** What one integration is held in: what was asked for by rules and by operators, and the strictest of it that is in force. */
import { type Contained, type ContainmentState, strictnessOf } from '../core/index.ts'

/** One state that was asked for. A stricter one stands above it, and when that ends this holds again. */
export interface Layer extends Contained {
  /** For operators and the record; callers do not see it. */
  readonly reason: string | null
  /** Operators who approved it. */
  readonly approvals: readonly string[]
}

/** An act that waits for a second operator. */
export interface Pending {
  /** To `kill`, or to lower what is in force to `state`. */
  readonly act: 'kill' | 'lower'
  readonly state: ContainmentState
  /** Until when that state is asked for. */
  readonly until: string | null
  readonly at: string
  readonly reason: string | null
  readonly by: string
}

export interface Entry {
  /** One for each state at most, from the least strict to the strictest; never `normal`. */
  readonly layers: readonly Layer[]
  readonly pending: Pending | null
}

export const nothing: Entry = { layers: [], pending: null }

/** `now`: milliseconds since the epoch. */
export function isInForce({ until }: { readonly until: string | null }, now: number): boolean {
  return until === null || Date.parse(until) > now
}

/** `null`: normal. Until a kill is approved its integration is held suspended, which is the safe side. */
export function strictestOf({ layers, pending }: Entry, now: number): Layer | null {
  const layer = layers.findLast((known) => isInForce(known, now)) ?? null
  if (pending?.act !== 'kill' || !isInForce(pending, now) || strictnessOf(layer?.state ?? 'normal') >= strictnessOf('suspended'))
    return layer
  const { at, until, reason, by } = pending
  return { state: 'suspended', since: at, until, reason, by, approvals: [] }
}

/** Milliseconds since the epoch; `null` where nothing of it ends by itself. */
export function nextEndOf({ layers, pending }: Entry): number | null {
  const ends = [...layers, ...(pending?.act === 'kill' ? [pending] : [])].flatMap(({ until }) =>
    until === null ? [] : [Date.parse(until)],
  )
  return ends.length === 0 ? null : Math.min(...ends)
}

/** Without what has ended. */
export function pruned({ layers, pending }: Entry, now: number): Entry {
  const isOver = pending?.act === 'kill' && !isInForce(pending, now)
  return { layers: layers.filter((layer) => isInForce(layer, now)), pending: isOver ? null : pending }
}

/** An operator’s word stands above what was asked for before; what is less strict holds again when it ends. */
export function withHand({ layers }: Entry, asked: Layer): Entry {
  const below = layers.filter(({ state }) => strictnessOf(state) < strictnessOf(asked.state))
  return { layers: asked.state === 'normal' ? [] : [...below, asked], pending: null }
}

/** A rule takes nothing back: it adds a state, or lets one last longer. */
export function withRule({ layers, pending }: Entry, asked: Layer): Entry {
  const others = layers.filter(({ state }) => state !== asked.state)
  const sorted = [...others, asked].sort((a, b) => strictnessOf(a.state) - strictnessOf(b.state))
  return { layers: sorted, pending }
}

/** Whether an operator’s word takes back what stops the integration: a stricter state, or the same for longer. */
export function lowers({ layers, pending }: Entry, asked: Pick<Layer, 'state' | 'until'>, now: number): boolean {
  const isLower = (state: ContainmentState, until: string | null) =>
    strictnessOf(state) > strictnessOf(asked.state) || (state === asked.state && endOf(until) > endOf(asked.until))
  const stopping = layers.filter((layer) => isInForce(layer, now) && strictnessOf(layer.state) >= strictnessOf('suspended'))
  const isHeld = pending?.act === 'kill' && isInForce(pending, now) && isLower('suspended', pending.until)
  return isHeld || stopping.some(({ state, until }) => isLower(state, until))
}

/** Milliseconds since the epoch. */
export function endOf(until: string | null): number {
  return until === null ? Number.POSITIVE_INFINITY : Date.parse(until)
}
