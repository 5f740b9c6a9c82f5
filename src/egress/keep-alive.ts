/** How long a connection to an origin or a service may wait for its next request. */

/** Shorter than origins commonly keep idle connections, so that few close under a request. */
const longestMs = 4000

/** Milliseconds; `idleTimeoutMs`: what holds for every connection in which nothing moves. */
export function keepAliveMs(idleTimeoutMs: number): number {
  return Math.min(longestMs, idleTimeoutMs)
}
