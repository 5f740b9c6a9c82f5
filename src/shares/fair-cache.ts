/** A bounded cache that integrations share: when it is full, the integration with the most entries loses its least recently used one. */
import { LRUCache } from 'lru-cache'

interface FairCache<V> {
  get(owner: string, key: string): V | undefined
  set(owner: string, key: string, value: V): void
  delete(owner: string, key: string): void
  /** Keys and values of the owner's entries. */
  of(owner: string): Iterable<[string, V]>
  /** Drops all of the owner's entries. */
  forget(owner: string): void
  values(): V[]
  clear(): void
}

/** One owner's entries, and its place among the owners that hold as many. */
interface Share<V extends object> {
  readonly entries: LRUCache<string, V>
  place: number
}

/** `max`: entries of all owners together. `dispose` is called with each that was pushed out, deleted or replaced. */
export function createFairCache<V extends object>(max: number, dispose?: (value: V) => void): FairCache<V> {
  const owners = new Map<string, Share<V>>()
  /** Owners by how many entries they hold, so that the largest of ten thousand is found at once. Lists: in a Set, finding the first entry skips all deleted ones. */
  const bySize = new Map<number, Share<V>[]>()
  let largest = 0
  let size = 0

  function open(owner: string): Share<V> {
    const entries = new LRUCache<string, V>({
      // Not `max`: each owner would allocate lists of that length from the beginning.
      maxSize: max,
      sizeCalculation: () => 1,
      ...(dispose !== undefined && { dispose: (value: V) => dispose(value) }),
    })
    const made = { entries, place: 0 }
    owners.set(owner, made)
    return made
  }

  function giveWay(adding: Share<V>): void {
    const most = adding.entries.size === largest ? adding : (bySize.get(largest)?.[0] ?? adding)
    const before = most.entries.size
    most.entries.pop()
    size -= 1
    moved(most, before)
  }

  /** The owner holds another number of entries than `before`. */
  function moved(share: Share<V>, before: number): void {
    const now = share.entries.size
    if (before > 0) leave(share, before)
    if (now > 0) {
      const alike = bySize.get(now)
      if (alike === undefined) bySize.set(now, [share])
      else alike.push(share)
      share.place = (alike?.length ?? 1) - 1
    }
    largest = Math.max(largest, now)
    while (largest > 0 && !bySize.has(largest)) largest -= 1
  }

  function leave(share: Share<V>, before: number): void {
    const alike = bySize.get(before)
    const last = alike?.pop()
    if (alike === undefined || last === undefined) return
    if (last !== share) {
      alike[share.place] = last
      last.place = share.place
    }
    if (alike.length === 0) bySize.delete(before)
  }

  function forget(owner: string): void {
    const known = owners.get(owner)
    if (known === undefined) return
    owners.delete(owner)
    const before = known.entries.size
    size -= before
    known.entries.clear()
    moved(known, before)
  }

  return {
    get: (owner, key) => owners.get(owner)?.entries.get(key),
    set(owner, key, value) {
      const known = owners.get(owner) ?? open(owner)
      const { entries } = known
      if (entries.has(key)) {
        entries.set(key, value)
        return
      }
      if (size >= max) giveWay(known)
      size += 1
      const before = entries.size
      entries.set(key, value)
      moved(known, before)
    },
    delete(owner, key) {
      const known = owners.get(owner)
      if (known === undefined || !known.entries.delete(key)) return
      size -= 1
      moved(known, known.entries.size + 1)
    },
    of: (owner) => owners.get(owner)?.entries.entries() ?? [],
    forget,
    values: () => [...owners.values()].flatMap(({ entries }) => [...entries.values()]),
    clear() {
      for (const owner of [...owners.keys()]) forget(owner)
    },
  }
}
