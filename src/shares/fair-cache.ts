/** A bounded cache that integrations share: where it is full, what gives way is the least used of whoever holds most. */
import { LRUCache } from 'lru-cache'

interface FairCache<V> {
  get(owner: string, key: string): V | undefined
  set(owner: string, key: string, value: V): void
  delete(owner: string, key: string): void
  /** Key and value of all that is the owner's. */
  of(owner: string): Iterable<[string, V]>
  /** All that is the owner's. */
  forget(owner: string): void
  values(): V[]
  clear(): void
}

/** One owner's entries, and where among those who hold as many it stands. */
interface Share<V extends object> {
  readonly entries: LRUCache<string, V>
  place: number
}

/** `max`: entries of all owners together. `dispose` hears of each that gave way, was deleted or replaced. */
export function createFairCache<V extends object>(max: number, dispose?: (value: V) => void): FairCache<V> {
  const owners = new Map<string, Share<V>>()
  /** Who holds how many: with ten thousand owners, nobody is looked for among them all. Lists, for the first of a Set is behind all that was deleted. */
  const bySize = new Map<number, Share<V>[]>()
  let largest = 0
  let size = 0

  function open(owner: string): Share<V> {
    const entries = new LRUCache<string, V>({
      // Not `max`, for which each owner would hold lists of that length from the beginning.
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

  /** Holds another number than before. */
  function moved(one: Share<V>, before: number): void {
    const now = one.entries.size
    if (before > 0) leave(one, before)
    if (now > 0) {
      const alike = bySize.get(now)
      if (alike === undefined) bySize.set(now, [one])
      else alike.push(one)
      one.place = (alike?.length ?? 1) - 1
    }
    largest = Math.max(largest, now)
    while (largest > 0 && !bySize.has(largest)) largest -= 1
  }

  function leave(one: Share<V>, before: number): void {
    const alike = bySize.get(before)
    const last = alike?.pop()
    if (alike === undefined || last === undefined) return
    if (last !== one) {
      alike[one.place] = last
      last.place = one.place
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
