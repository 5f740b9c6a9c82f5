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

/** `max`: entries of all owners together. `dispose` hears of each that gave way, was deleted or replaced. */
export function createFairCache<V extends object>(max: number, dispose?: (value: V) => void): FairCache<V> {
  const owners = new Map<string, LRUCache<string, V>>()
  /** Who holds how many: with ten thousand owners, nobody is looked for among them all. */
  const bySize = new Map<number, Set<LRUCache<string, V>>>()
  let largest = 0
  let size = 0

  function open(owner: string): LRUCache<string, V> {
    const made = new LRUCache<string, V>({
      // Not `max`, for which each owner would hold lists of that length from the beginning.
      maxSize: max,
      sizeCalculation: () => 1,
      ...(dispose !== undefined && { dispose: (value: V) => dispose(value) }),
    })
    owners.set(owner, made)
    return made
  }

  function giveWay(adding: LRUCache<string, V>): void {
    const [other = adding] = bySize.get(largest) ?? []
    const most = adding.size === largest ? adding : other
    const before = most.size
    most.pop()
    size -= 1
    moved(most, before)
  }

  /** Holds another number than before. */
  function moved(one: LRUCache<string, V>, before: number): void {
    const left = bySize.get(before)
    left?.delete(one)
    if (left?.size === 0) bySize.delete(before)
    if (one.size > 0) {
      const alike = bySize.get(one.size)
      if (alike === undefined) bySize.set(one.size, new Set([one]))
      else alike.add(one)
    }
    largest = Math.max(largest, one.size)
    while (largest > 0 && !bySize.has(largest)) largest -= 1
  }

  function forget(owner: string): void {
    const known = owners.get(owner)
    if (known === undefined) return
    owners.delete(owner)
    const before = known.size
    size -= before
    known.clear()
    moved(known, before)
  }

  return {
    get: (owner, key) => owners.get(owner)?.get(key),
    set(owner, key, value) {
      const known = owners.get(owner) ?? open(owner)
      if (known.has(key)) {
        known.set(key, value)
        return
      }
      if (size >= max) giveWay(known)
      size += 1
      const before = known.size
      known.set(key, value)
      moved(known, before)
    },
    delete(owner, key) {
      const known = owners.get(owner)
      if (known === undefined || !known.delete(key)) return
      size -= 1
      moved(known, known.size + 1)
    },
    of: (owner) => owners.get(owner)?.entries() ?? [],
    forget,
    values: () => [...owners.values()].flatMap((one) => [...one.values()]),
    clear() {
      for (const owner of [...owners.keys()]) forget(owner)
    },
  }
}
