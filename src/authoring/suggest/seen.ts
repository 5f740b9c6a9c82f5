/** How often and when something was recorded. */
import type { DecidedRecord } from '../../policy/index.ts'

export interface Seen {
  readonly requests: number
  readonly allowed: number
  /** Denied by an author's rule: no manifest changes that. */
  readonly ruledOut: number
  /** As recorded, ISO 8601. */
  readonly first: string
  readonly last: string
  /** An id in the path became `*`. */
  readonly ids: boolean
  /** How many sibling segments became one `*`. */
  readonly siblings: number
}

export function seenOnce({ allow, rule, time }: DecidedRecord): Seen {
  return {
    requests: 1,
    allowed: allow ? 1 : 0,
    ruledOut: !allow && rule.startsWith('rules/') ? 1 : 0,
    first: time,
    last: time,
    ids: false,
    siblings: 0,
  }
}

export function addSeen(a: Seen, b: Seen): Seen {
  // Times of one format sort as text.
  const [first = ''] = [a.first, b.first].sort()
  const [last = ''] = [a.last, b.last].sort().reverse()
  return {
    requests: a.requests + b.requests,
    allowed: a.allowed + b.allowed,
    ruledOut: a.ruledOut + b.ruledOut,
    first,
    last,
    ids: a.ids || b.ids,
    siblings: Math.max(a.siblings, b.siblings),
  }
}

/** For a comment: nothing in it is text of the log but times, and those only where they look like times. */
export function describeSeen({ requests, allowed, ruledOut, first, last, ids, siblings }: Seen): string {
  const denied = requests - allowed
  return [
    `${requests} request${requests === 1 ? '' : 's'} (${allowed} allowed, ${denied} denied), ${timeOf(first)} to ${timeOf(last)}`,
    ...(ids ? ['ids in paths became *'] : []),
    ...(siblings > 0 ? [`${siblings} segments beside one another became *`] : []),
    ...(ruledOut > 0 ? [`${ruledOut} denied by a rule, which no manifest changes`] : []),
  ].join('; ')
}

function timeOf(text: string): string {
  return /^[\dTZ:.-]{10,30}$/.test(text) ? text : 'unknown'
}
