/** Name resolution for egress: only ever called with a Permit in hand, and every address is judged before one is dialled. */
import type { LookupAddress } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Refusal } from '../../core/index.ts'
import type { AddressRule } from './addresses.ts'

/** All addresses of a canonical name. Throws what `node:dns` throws. */
export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>

/** `servers` (`address` or `address:port`) are asked instead of the system's resolver where there are any. */
export function createResolveName(servers: readonly string[], timeoutMs: number): ResolveName {
  if (servers.length === 0) return (name) => lookup(name, { all: true, order: 'verbatim' })
  return async (name) => {
    const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
    resolver.setServers(servers)
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found: LookupAddress[] = []
    if (v4.status === 'fulfilled') for (const address of v4.value) found.push({ address, family: 4 })
    if (v6.status === 'fulfilled') for (const address of v6.value) found.push({ address, family: 6 })
    if (found.length === 0 && v4.status === 'rejected') throw v4.reason
    return found
  }
}

export interface Target {
  readonly host: string
  readonly port: number
  /** CIDR blocks beyond the public internet that may be dialled. */
  readonly allowed: readonly string[]
}

/**
 * The addresses of `target` that may be dialled; a literal is its own. One forbidden address among several denies
 * them all: a name that mixes public and private answers is rebinding (GHSA-cpgj-f7g3-2pp2).
 * Throws `Refusal`: address-denied, origin-unreachable.
 */
export async function resolveJudged(
  resolve: ResolveName,
  rule: AddressRule,
  { host, port, allowed }: Target,
): Promise<readonly LookupAddress[]> {
  const literal = isIP(host)
  const found = literal === 0 ? await resolveOrRefuse(resolve, host) : [{ address: host, family: literal }]
  for (const { address } of found) rule.judge(host, address, port, allowed)
  return found
}

async function resolveOrRefuse(resolve: ResolveName, host: string): Promise<readonly LookupAddress[]> {
  const found = await resolve(host).catch((cause: unknown) => {
    throw new Refusal('origin-unreachable', `the name ${host} cannot be resolved`, { cause })
  })
  if (found.length === 0) throw new Refusal('origin-unreachable', `the name ${host} has no address`)
  return found
}
