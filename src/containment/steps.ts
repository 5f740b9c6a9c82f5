/** What an act of a rule or an operator makes of an entry; pure. */
import { type ContainmentState, strictnessOf } from '../core/index.ts'
import { type Entry, endOf, type Layer, lowers, nothing, type Pending, strictestOf, withHand, withRule } from './entry.ts'

/** What is asked for cannot be done, and nothing has happened; the message is for operators. */
export class ContainmentRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ContainmentRefused'
  }
}

/** What needs a second operator: to enter `killed`, or to `lift` what stops an integration. */
export type ApprovalNeeded = 'killed' | 'lift'

export interface Step {
  readonly entry: Entry
  readonly change: 'set' | 'requested' | 'approved' | 'lifted'
  readonly asked: ContainmentState
  readonly until: string | null
  readonly reason: string | null
  readonly by: string
  /** Something that was in force no longer is, … */
  readonly loosens: boolean
  /** … or is not to be once somebody else approves. */
  readonly lowers: boolean
}

export interface Situation {
  readonly approval: readonly ApprovalNeeded[]
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A rule takes nothing back. `null`: what it asks for is so already. `forMs` is how long it asks for. */
export function stepOfRule(entry: Entry, asked: Layer, forMs: number | null, situation: Situation): Step | null {
  if (asked.state === 'normal') return null
  const same = entry.layers.find(({ state }) => state === asked.state)
  // Each finding of a rule asks again: what it gains by that has to be worth a record.
  if (same !== undefined && !(endOf(asked.until) - endOf(same.until) > (forMs ?? 0) / 10)) return null
  if (!needsApproval(entry, asked, situation)) return step(withRule(entry, asked), 'set', asked)
  return entry.pending?.act === 'kill' ? null : step({ ...entry, pending: killOf(asked) }, 'requested', asked)
}

/** An operator’s word stands above what was asked for before. */
export function stepOfHand(entry: Entry, asked: Layer, situation: Situation): Step {
  const current = strictestOf(entry, situation.now)?.state ?? 'normal'
  const stops = lowers(entry, asked, situation.now)
  if (stops || strictnessOf(asked.state) < strictnessOf(current)) return lowering(entry, withHand(entry, asked), asked, situation)
  if (needsApproval(entry, asked, situation)) return step({ ...entry, pending: killOf(asked) }, 'requested', asked)
  return step(withHand(entry, asked), 'set', asked)
}

/** What stops an integration is taken back by two operators where that is configured. `next`: what is to hold then. */
export function lowering(entry: Entry, next: Entry, asked: Layer, { approval, now }: Situation): Step {
  const { state, until, since: at, reason, by } = asked
  if (!approval.includes('lift') || !lowers(entry, asked, now))
    return { ...step(next, state === 'normal' ? 'lifted' : 'set', asked), loosens: true, lowers: true }
  const pending: Pending = { act: 'lower', state, until, at, reason, by }
  // A kill that still waits goes on holding its integration suspended.
  const held = entry.pending?.act === 'kill' ? strictestOf(entry, now) : null
  const { layers } = held === null ? entry : withHand(entry, held)
  return { ...step({ layers, pending }, 'requested', asked), lowers: true }
}

/** Takes back what suspends, and nothing less strict. */
export function stepOfResumption(entry: Entry, asked: Layer, situation: Situation): Step {
  const layers = entry.layers.filter(({ state }) => strictnessOf(state) < strictnessOf('suspended'))
  const { state = 'normal', until = null } = layers.at(-1) ?? {}
  return lowering(entry, { layers, pending: null }, { ...asked, state, until }, situation)
}

/** Throws `ContainmentRefused`. */
export function stepOfApproval(name: string, entry: Entry, by: string, { now }: Situation): Step {
  const { pending } = entry
  if (pending === null) throw new ContainmentRefused(`nothing of "${name}" waits for approval`)
  if (isSamePerson(pending.by, by))
    throw new ContainmentRefused(
      `${by} has asked for this: somebody else has to approve it, with a token, a certificate or a login of their own`,
    )
  const { act, state, until, reason } = pending
  const layer: Layer = { state, since: new Date(now).toISOString(), until, reason, by: pending.by, approvals: [by] }
  const next = state === 'normal' ? nothing : withHand(entry, layer)
  return { entry: next, change: 'approved', asked: state, until, reason, by, loosens: act === 'lower', lowers: act === 'lower' }
}

export function isRule(by: string): boolean {
  return by.startsWith('rule:')
}

function step(entry: Entry, change: Step['change'], { state, until, reason, by }: Layer): Step {
  return { entry, change, asked: state, until, reason, by, loosens: false, lowers: false }
}

function needsApproval(entry: Entry, { state }: { readonly state: ContainmentState }, { approval, now }: Situation): boolean {
  return state === 'killed' && approval.includes('killed') && strictestOf(entry, now)?.state !== 'killed'
}

function killOf({ state, until, since: at, reason, by }: Layer): Pending {
  return { act: 'kill', state, until, at, reason, by }
}

/** One person may have a token and a login under the same name. */
function isSamePerson(by: string, other: string): boolean {
  const nameOf = (operator: string) => operator.slice(operator.indexOf(' ') + 1)
  return by === other || (!isRule(by) && nameOf(by) === nameOf(other))
}
