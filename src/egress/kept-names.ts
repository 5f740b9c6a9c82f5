/** What name servers answered, kept for as long as they say, within bounds; each integration has its own. Every use is judged anew. */
import type { LookupAddress } from 'node:dns'
import { createFairCache } from '../shares/index.ts'
import { unlessAborted, withDeadline } from './deadline.ts'
import { type NameAnswer, saysThereIsNone } from './name-server.ts'

export interface KeptNamesSettings {
  /** A shorter time to live is lengthened to it; 0 is obeyed: such an answer is not kept (RFC 1035 §3.2.1). */
  readonly minTtlMs: number
  readonly maxTtlMs: number
  /** For so long a name that does not exist, or has no address, is not asked for again. */
  readonly negativeTtlMs: number
  /** For so long after its time an answer is used where the name servers give none (RFC 8767). */
  readonly staleMs: number
  /** Of all integrations together. */
  readonly maxNames: number
}

export type LookUp = (signal: AbortSignal) => Promise<NameAnswer>

/** Gives what is known of the name, or what `lookUp` gives. Rejects as that does; a name that is known not to exist, with that answer. */
export type KeptNames = (owner: string, name: string, signal: AbortSignal, lookUp: LookUp) => Promise<readonly LookupAddress[]>

/** How long an answer whose time is over waits for a new one (RFC 8767 §5). */
const patienceMs = 1000
/** For so long the name servers are not asked again after they gave no answer. */
const restMs = 5000
/** More than this is not kept: an origin could fill the memory. Nor is a part of it: all addresses have to be judged. */
const maxAddresses = 64

interface Known {
  readonly addresses: readonly LookupAddress[]
  readonly failure: Error | null
  readonly freshUntil: number
  readonly staleUntil: number
  restUntil: number
  /** A question that is under way for a new answer. */
  refresh: Promise<readonly LookupAddress[]> | null
}

export interface KeptNamesOptions extends KeptNamesSettings {
  /** An answer was used whose time is over. */
  readonly onStale?: () => void
  /** Milliseconds, monotonic. */
  readonly now?: () => number
}

export function createKeptNames({ onStale = () => {}, now = () => performance.now(), ...settings }: KeptNamesOptions): KeptNames {
  const { minTtlMs, maxTtlMs, negativeTtlMs, staleMs, maxNames } = settings
  const names = createFairCache<Known>(maxNames)

  function keep(owner: string, name: string, { addresses, ttlMs, isWhole }: NameAnswer): void {
    if (addresses.length === 0) {
      keepFailure(owner, name, null)
      return
    }
    if (ttlMs === 0 || addresses.length > maxAddresses) {
      names.delete(owner, name)
      return
    }
    // What is missing in it is asked for again soon.
    const keptMs = isWhole ? Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs) : minTtlMs
    const freshUntil = now() + keptMs
    names.set(owner, name, { addresses, failure: null, freshUntil, staleUntil: freshUntil + staleMs, restUntil: 0, refresh: null })
  }

  function keepFailure(owner: string, name: string, failure: Error | null): void {
    const freshUntil = now() + negativeTtlMs
    names.set(owner, name, { addresses: [], failure, freshUntil, staleUntil: freshUntil, restUntil: 0, refresh: null })
  }

  function old({ addresses }: Known): readonly LookupAddress[] {
    onStale()
    return addresses
  }

  async function ask(owner: string, name: string, signal: AbortSignal, lookUp: LookUp): Promise<readonly LookupAddress[]> {
    try {
      const answer = await lookUp(signal)
      keep(owner, name, answer)
      return answer.addresses
    } catch (error) {
      if (saysThereIsNone(error)) keepFailure(owner, name, error as Error)
      throw error
    }
  }

  /** The question goes on when nobody waits for it any more: a name server that is slow is not away. */
  function refresh(owner: string, name: string, known: Known, lookUp: LookUp): Promise<readonly LookupAddress[]> {
    if (known.refresh !== null) return known.refresh
    const asking = withDeadline(restMs, `no answer about ${name}`, undefined, (until) => ask(owner, name, until, lookUp))
    const end = () => {
      known.refresh = null
    }
    asking.then(end, end)
    known.refresh = asking
    return asking
  }

  return async (owner, name, signal, lookUp) => {
    if (maxNames === 0) return (await lookUp(signal)).addresses
    const known = names.get(owner, name)
    if (known === undefined || now() >= known.staleUntil) return ask(owner, name, signal, lookUp)
    if (now() < known.freshUntil) {
      if (known.failure !== null) throw known.failure
      return known.addresses
    }
    if (now() < known.restUntil) return old(known)
    try {
      return await withDeadline(patienceMs, `no answer about ${name}`, signal, (until) =>
        unlessAborted(refresh(owner, name, known, lookUp), until),
      )
    } catch (error) {
      if (signal.aborted || saysThereIsNone(error)) throw error
      known.restUntil = now() + restMs
      // The wait for the answer counts.
      if (now() >= known.staleUntil) throw error
      return old(known)
    }
  }
}
