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
    let most = adding
    for (const one of owners.values()) if (one.size > most.size) most = one
    most.pop()
    size -= 1
  }

  function forget(owner: string): void {
    const known = owners.get(owner)
    if (known === undefined) return
    owners.delete(owner)
    size -= known.size
    known.clear()
  }

  return {
    get: (owner, key) => owners.get(owner)?.get(key),
    set(owner, key, value) {
      const known = owners.get(owner) ?? open(owner)
      if (!known.has(key)) {
        if (size >= max) giveWay(known)
        size += 1
      }
      known.set(key, value)
    },
    delete(owner, key) {
      if (owners.get(owner)?.delete(key) === true) size -= 1
    },
    of: (owner) => owners.get(owner)?.entries() ?? [],
    forget,
    values: () => [...owners.values()].flatMap((one) => [...one.values()]),
    clear() {
      for (const owner of [...owners.keys()]) forget(owner)
    },
  }
}
