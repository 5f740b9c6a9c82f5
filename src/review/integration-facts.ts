/** What a review knows of one integration: kept as records pass, in memory that does not grow with their number. */
import type { JsonObject } from '../core/index.ts'
import type { LocalHour } from './local-hours.ts'
import { add, ensure, noSum, type Place, type Sum } from './places.ts'

export interface Destination {
  readonly kind: string
  readonly name: string
  /** It was not reached before the window. */
  isNew: boolean
  readonly uses: Sum
}

/** An activation that changed its manifest. */
export interface Change extends Place {
  readonly revision: string
  /** The revision that it took the place of; `null` where the log does not say. */
  readonly before: string | null
  readonly how: string
  readonly by: string
  readonly parts: readonly string[]
}

export interface IntegrationFacts {
  /** First request that was allowed. */
  first: Place | null
  isNew: boolean
  /** From when on it is known which capabilities were used. */
  since: string
  allowed: number
  denied: number
  refused: number
  readonly destinations: Map<string, Destination>
  destinationsBeyond: number
  /** Denials by minute. */
  readonly minutes: Map<string, Sum>
  /** Uses by weekday and hour. */
  readonly hours: Map<string, Sum>
  /** Uses by capability; `last` of all times. */
  readonly capabilities: Map<string, Sum>
  readonly changes: Change[]
  reference: Sum
  shadow: Sum
}

const maxDestinations = 5000
/** What is shown of minutes, and what is kept to find those with most. */
const shownMinutes = 10
const maxMinutes = 60
const maxChanges = 100

export const noFacts = (since: string): IntegrationFacts => ({
  first: null,
  isNew: true,
  since,
  allowed: 0,
  denied: 0,
  refused: 0,
  destinations: new Map(),
  destinationsBeyond: 0,
  minutes: new Map(),
  hours: new Map(),
  capabilities: new Map(),
  changes: [],
  reference: noSum(),
  shadow: noSum(),
})

export interface Use {
  readonly kind: string
  readonly subject: Readonly<Record<string, unknown>>
  readonly capability: string | undefined
}

/** A request that was allowed. */
export function addUse(facts: IntegrationFacts, use: Use, place: Place, { weekday, hour }: LocalHour): void {
  facts.first ??= place
  facts.allowed += 1
  add(ensure(facts.hours, `${weekday} ${hour}`, noSum), place)
  if (use.capability !== undefined) add(ensure(facts.capabilities, use.capability, noSum), place)
  const found = destinationOf(use)
  if (found === null) return
  const key = found.join(' ')
  if (!facts.destinations.has(key) && facts.destinations.size >= maxDestinations) {
    facts.destinationsBeyond += 1
    return
  }
  const [kind, name] = found
  add(ensure(facts.destinations, key, () => ({ kind, name, isNew: true, uses: noSum() })).uses, place)
}

/** `null`: the gateway's own answers lead nowhere. */
function destinationOf({ kind, subject }: Use): readonly [kind: string, name: string] | null {
  switch (kind) {
    case 'http':
    case 'tunnel':
      return ['network', `${subject['host']}:${subject['port']}`]
    case 'service':
      return [kind, String(subject['name'])]
    case 'file':
      return [kind, String(subject['root'])]
    case 'lookup':
      return [kind, String(subject['host'])]
    case 'self':
      return null
    default:
      return [kind, String(subject['host'] ?? subject['name'] ?? kind)]
  }
}

/** Denials or refusals, all of one minute. */
export function addDenials(facts: IntegrationFacts, place: Place, count = 1): void {
  add(ensure(facts.minutes, place.time.slice(0, 16), noSum), place, count)
  if (facts.minutes.size <= maxMinutes) return
  // The newest minute may still grow.
  const [smallest] = [...facts.minutes].slice(0, -1).toSorted(([, a], [, b]) => a.count - b.count)
  if (smallest !== undefined) facts.minutes.delete(smallest[0])
}

/** Capabilities are named by their places in a manifest: of the parts that changed, other ones have these names now. */
export function addChange(facts: IntegrationFacts, change: Change): void {
  facts.changes.push(change)
  if (facts.changes.length > maxChanges) facts.changes.shift()
  forgetCapabilities(facts, change.time, change.parts)
}

export function forgetCapabilities(facts: IntegrationFacts, time: string, parts: readonly string[]): void {
  const isAll = parts.some((part) => part === 'added' || part === 'removed')
  facts.since = time
  for (const id of facts.capabilities.keys()) if (isAll || parts.includes(id.split('/')[0] ?? '')) facts.capabilities.delete(id)
}

/** What was in the window is known from now on. */
export function endWindow(facts: IntegrationFacts): void {
  facts.isNew = facts.first === null
  facts.allowed = facts.denied = facts.refused = facts.destinationsBeyond = 0
  for (const destination of facts.destinations.values()) {
    destination.isNew = false
    Object.assign(destination.uses, noSum())
  }
  // The newest minute may go on in the next window.
  for (const minute of [...facts.minutes.keys()].slice(0, -1)) facts.minutes.delete(minute)
  facts.hours.clear()
  for (const sum of facts.capabilities.values()) sum.count = 0
  facts.changes.length = 0
  facts.reference = noSum()
  facts.shadow = noSum()
}

export interface ShownOptions {
  /** ISO 8601: the end of the window. */
  readonly until: string
  /** Ids of the capabilities in its manifest; `null`: not known. */
  readonly granted: readonly string[] | null
  /** What an activation newly allows it, in words; `null`: not known. */
  readonly newlyAllowed: (change: Change) => readonly string[] | null
}

/** As checks see it (`rego/schemas/review.json`). `name`: `''` for callers that are not known. */
export function shownFacts(name: string, facts: IntegrationFacts, { until, granted, newlyAllowed }: ShownOptions): JsonObject {
  const { isNew, first, allowed, denied, refused, destinationsBeyond, since, reference, shadow } = facts
  const used = [...facts.destinations.values()].filter(({ uses }) => uses.count > 0)
  const minutes = [...facts.minutes].toSorted(([, a], [, b]) => b.count - a.count).slice(0, shownMinutes)
  const unused = (last: Place | null) => Math.max(0, Math.floor((Date.parse(until) - Date.parse(last?.time ?? since)) / dayMs))
  const shown = {
    ...(name !== '' && { name }),
    isNew,
    first,
    requests: { allowed, denied, refused },
    destinations: used.map(({ kind, name, isNew, uses }) => ({ kind, name, isNew, uses: uses.count, first: uses.first, last: uses.last })),
    destinationsBeyond,
    denials: { count: denied + refused, minutes: minutes.map(([minute, sum]) => ({ minute, ...sum })) },
    hours: [...facts.hours].map(([when, { count, first, last }]) => {
      const [weekday = '', hour = ''] = when.split(' ')
      return { weekday, hour: Number(hour), uses: count, first, last }
    }),
    capabilities: (granted ?? [...facts.capabilities.keys()]).map((id) => {
      const { count, last } = facts.capabilities.get(id) ?? noSum()
      return { id, uses: count, last, unusedDays: unused(last) }
    }),
    changes: facts.changes.map((change) => {
      const { before: _before, ...told } = change
      return { ...told, newlyAllowed: newlyAllowed(change) }
    }),
    differences: { reference, shadow },
  }
  // In Rego what is not there is undefined; a null would be a value, and true.
  return JSON.parse(JSON.stringify(shown, (_key, value: unknown) => (value === null ? undefined : value))) as JsonObject
}

const dayMs = 86_400_000
