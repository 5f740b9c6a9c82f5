/** Name resolution for egress: only ever called with a Permit in hand, and every address is judged before one is dialled. */
import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { Refusal, type Timeouts } from '../core/index.ts'
import type { AddressRule } from './addresses.ts'
import { unlessAborted } from './deadline.ts'
import { createLocalNames, type LocalNames } from './hosts-file.ts'
import type { KeptNames } from './kept-names.ts'
import { askNameServers, type NameAnswer, type NameQuery } from './name-server.ts'
import { createPerOwnerLimit } from './per-owner-limit.ts'

/**
 * All addresses of a canonical name, which is taken as absolute. `owner` is whose share of the lookups it is. Rejects with
 * the signal's reason, or with what `node:dns` says.
 */
export type ResolveName = (name: string, owner: string, signal: AbortSignal) => Promise<readonly LookupAddress[]>

export interface ResolveOptions {
  /** `address` or `address:port`; empty: the system's. */
  readonly servers: readonly string[]
  /** Lookups per owner at once; more wait for their turn. */
  readonly lookupsPerOwner?: number
  readonly localNames?: LocalNames
  /** Answers that are used again; none are where it is absent. */
  readonly kept?: KeptNames
  readonly ask?: (name: string, servers: readonly string[]) => NameQuery
}

/** Under way, for all who asked meanwhile; each judges the answer by its own permit. */
interface Shared {
  readonly query: NameQuery
  waiting: number
}

export function createResolveName(options: ResolveOptions): ResolveName {
  const { servers, lookupsPerOwner = 32, localNames = createLocalNames(), kept = notKept, ask = askNameServers } = options
  const underWay = new Map<string, Shared>()
  const turns = createPerOwnerLimit(lookupsPerOwner)

  async function join(name: string, shared: Shared, signal: AbortSignal): Promise<NameAnswer> {
    shared.waiting += 1
    try {
      return await unlessAborted(shared.query.answer, signal)
    } finally {
      shared.waiting -= 1
      if (shared.waiting === 0 && underWay.get(name) === shared) {
        underWay.delete(name)
        shared.query.cancel()
      }
    }
  }

  function begin(name: string): Shared {
    const shared = { query: ask(name, servers), waiting: 0 }
    underWay.set(name, shared)
    const ended = () => {
      if (underWay.get(name) === shared) underWay.delete(name)
    }
    shared.query.answer.then(ended, ended)
    return shared
  }

  async function lookUp(name: string, owner: string, signal: AbortSignal): Promise<NameAnswer> {
    const shared = underWay.get(name)
    if (shared !== undefined) return join(name, shared, signal)
    await turns.take(owner, signal)
    try {
      // Another owner may have asked in the meantime.
      return await join(name, underWay.get(name) ?? begin(name), signal)
    } finally {
      turns.give(owner)
    }
  }

  return async (name, owner, signal) => localNames(name) ?? kept(owner, name, signal, (until) => lookUp(name, owner, until))
}

const notKept: KeptNames = async (_owner, _name, signal, lookUp) => (await lookUp(signal)).addresses

export type DialTimeouts = Pick<Timeouts, 'connectMs' | 'tlsMs'>

export interface Target {
  readonly host: string
  /** The name that the caller knows, where that is not the host: a named service, whose location the caller does not learn. */
  readonly calledAs?: string
  readonly port: number
  /** CIDR blocks beyond the public internet that may be dialled. */
  readonly allowed: readonly string[]
  /** The integration for which it is dialled: its share of the lookups is used. */
  readonly owner: string
  /** Until it is connected, where that is less than `http.connectTimeout`. */
  readonly timeoutMs?: number
  /** Of the parts: each ends the dial by a code of its own. */
  readonly timeouts?: DialTimeouts
}

/**
 * The addresses of `target` that may be dialled; a literal is its own. One forbidden address among several denies
 * them all: a name that mixes public and private answers is rebinding (GHSA-cpgj-f7g3-2pp2).
 * Throws `Refusal`: address-denied, origin-unreachable, or the signal's reason.
 */
export async function resolveJudged(
  resolve: ResolveName,
  rule: AddressRule,
  { host, calledAs = host, port, allowed, owner }: Target,
  signal: AbortSignal,
): Promise<readonly LookupAddress[]> {
  const literal = isIP(host)
  const found = literal === 0 ? await resolveOrRefuse(resolve, host, owner, signal, calledAs) : [{ address: host, family: literal }]
  for (const { address } of found) rule.judge(calledAs, address, port, allowed)
  return found
}

/** At least one address. Throws `Refusal('origin-unreachable')`, or the signal's reason. */
export async function resolveOrRefuse(
  resolve: ResolveName,
  host: string,
  owner: string,
  signal: AbortSignal,
  calledAs = host,
): Promise<readonly LookupAddress[]> {
  const unresolved = (problem: string, cause?: unknown) => {
    if (calledAs === host) return new Refusal('origin-unreachable', `the name ${host} ${problem}`, { cause })
    return new Refusal('origin-unreachable', `the name of ${calledAs} cannot be resolved`, {
      cause,
      forOperator: `the name ${host} ${problem}`,
    })
  }
  const found = await resolve(host, owner, signal).catch((cause: NodeJS.ErrnoException) => {
    if (cause instanceof Refusal) throw cause
    const hint = host.includes('.') ? '' : '; names are absolute here, so write all of it: search domains are not tried'
    throw unresolved(`cannot be resolved (${cause.code ?? cause.message})${hint}`, cause)
  })
  if (found.length === 0) throw unresolved('has no address')
  return found
}
