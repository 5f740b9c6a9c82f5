/** Counts the requests to the operator's API that were turned away: they are recorded in sums, so that nobody fills the log who proves nothing. */

export type RefusedFacts = Readonly<Record<string, string | number>>

export interface RefusedRequests {
  /** `peer`: the address of the other end; absent for the socket. */
  count(status: number, peer: string | undefined): void
  /** Records what was counted by now. */
  flush(): void
}

export interface RefusedRequestsOptions {
  readonly note: (facts: RefusedFacts) => void
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
  /** So long after the first that is counted they are recorded. */
  readonly everyMs?: number
}

/** Addresses with a sum of their own; what comes from more is summed up together. */
const maxPeers = 50

export function createRefusedRequests({ note, wallClock = Date.now, everyMs = 10_000 }: RefusedRequestsOptions): RefusedRequests {
  const sums = new Map<string, { readonly peer: string; readonly status: number; count: number; readonly first: number; last: number }>()
  let timer: NodeJS.Timeout | null = null

  function flush(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const time = (ms: number) => new Date(ms).toISOString()
    for (const { peer, status, count, first, last } of sums.values()) note({ peer, status, count, first: time(first), last: time(last) })
    sums.clear()
  }

  return {
    count(status, given = 'local') {
      const now = wallClock()
      const peer = sums.size < maxPeers || sums.has(`${given} ${status}`) ? given : 'other'
      const known = sums.get(`${peer} ${status}`)
      if (known === undefined) sums.set(`${peer} ${status}`, { peer, status, count: 1, first: now, last: now })
      else {
        known.count += 1
        known.last = now
      }
      timer ??= setTimeout(flush, everyMs).unref()
    },
    flush,
  }
}
