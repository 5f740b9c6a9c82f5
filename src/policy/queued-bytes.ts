/** What a request that waits in a queue holds on to: such queues are bounded in bytes, for one request may hold a megabyte. */
import type { AccessRequest, Claim } from '../core/index.ts'

/** Of its body, where that was read, and of its head; the rest is small, and bounded by how many wait. */
export function queuedBytes(request: AccessRequest, { facts }: Claim): number {
  const { bytes } = (facts['body'] ?? {}) as { readonly bytes?: unknown }
  let sum = typeof bytes === 'number' ? bytes : 0
  if ('headers' in request) for (const text of request.headers) sum += text.length
  if ('path' in request.target) sum += request.target.path.length
  if ('query' in request.target) sum += request.target.query.length
  return sum
}
