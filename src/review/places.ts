/** Where in the log a fact stands: how often, first and last. */

export interface Place {
  /** Of the record in the log, from 0. */
  readonly index: number
  /** ISO 8601, UTC. */
  readonly time: string
  /** Of the request, where the record is about one. */
  readonly id?: string
}

export interface Sum {
  count: number
  first: Place | null
  last: Place | null
}

export const noSum = (): Sum => ({ count: 0, first: null, last: null })

export function add(sum: Sum, place: Place, count = 1): void {
  sum.count += count
  sum.first ??= place
  sum.last = place
}

/** The value of a key; one that is not there is made. */
export function ensure<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
