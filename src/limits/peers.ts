/** Bounds for all integrations together: arrivals of unidentified callers, with a bucket per peer, and the memory of bodies that rules look at. */
import { LRUCache } from 'lru-cache'
import { type BodyHold, type BucketSettings, type Integration, Refusal } from '../core/index.ts'
import { createFairMemory } from '../shares/index.ts'
import { Bucket } from './gcra.ts'

const maxPeers = 10_000

/** Takes one token of the peer's bucket: 0, or the milliseconds until it has one again. */
export function createPeers(settings: BucketSettings, now: () => number, max = maxPeers): (address: string) => number {
  const buckets = new LRUCache<string, Bucket>({ max })
  // Shared by all new peers while the table is full of peers in debt: a new bucket for each of them would not be a limit.
  const crowd = new Bucket(settings, now())

  function bucketOf(peer: string): Bucket {
    const known = buckets.get(peer)
    if (known !== undefined) return known
    if (buckets.size >= max) {
      const oldest = buckets.rkeys().next().value
      const bucket = oldest === undefined ? undefined : buckets.peek(oldest)
      if (bucket !== undefined && bucket.level(now()) < settings.burst) return crowd
    }
    const made = new Bucket(settings, now())
    buckets.set(peer, made)
    return made
  }

  return (address) => bucketOf(peerOf(address)).takeOne(now())
}

/** A host may have a whole IPv6 /64 (RFC 6177), so all its addresses are one peer. */
export function peerOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.replace(/^::ffff:/i, '')
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    for (let missing = 8 - groups.length - after.length; missing > 0; missing -= 1) groups.push('0')
    groups.push(...after)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

export interface BodiesOptions {
  /** Of one body. */
  readonly maxPolicyBodyBytes: number
  /** Of all that are held at once. */
  readonly maxPolicyBodiesBytes: number
}

type HoldBody = (integration: Integration, declaredBytes: number | null) => BodyHold

/** Holds the declared length from the beginning, so that a refusal comes before a byte is read. */
export function createHoldBody({ maxPolicyBodyBytes, maxPolicyBodiesBytes }: BodiesOptions): HoldBody {
  const memory = createFairMemory(maxPolicyBodiesBytes)
  return ({ name }, declaredBytes) => {
    let held = Math.min(declaredBytes ?? maxPolicyBodyBytes, maxPolicyBodyBytes)
    if (!memory.take(name, held))
      throw Refusal.retryLater('bodies-exceeded', 'the bodies that rules look at take all the memory that this integration may have', 1000)
    const shrink = (bytes: number) => {
      if (bytes >= held) return
      memory.give(name, held - bytes)
      held = bytes
    }
    return { maxBytes: maxPolicyBodyBytes, shrink, release: () => shrink(0) }
  }
}
