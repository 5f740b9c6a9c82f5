/** Asks name servers for the addresses of a name, through c-ares: a slow name holds up no thread, and is given up at will. */
import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'

export interface NameAnswer {
  readonly addresses: readonly LookupAddress[]
  /** The shortest time to live among them. */
  readonly ttlMs: number
  /** Both families were answered. */
  readonly isWhole: boolean
}

export interface NameQuery {
  readonly answer: Promise<NameAnswer>
  /** The answer rejects where it is not there yet. */
  cancel(): void
}

/**
 * Time for one question to one server; then the next server is asked, or the same server again with twice the time. Node looks at its
 * clock only so often, so that it may take twice as long. The whole is bounded by the caller.
 */
const tryMs = 500
const tries = 5
/** RFC 8305 §3: addresses of one family do not wait forever for an answer about the other. */
const otherFamilyMs = 500

/**
 * `servers` (`address` or `address:port`) are asked instead of the system's where there are any. The name is absolute:
 * c-ares does not try search domains here. A resolver of its own per question reads resolv.conf as it is now, and can be
 * cancelled alone; it costs some 30 µs.
 */
export function askNameServers(name: string, servers: readonly string[]): NameQuery {
  const resolver = new Resolver({ timeout: tryMs, tries })
  if (servers.length > 0) resolver.setServers(servers)
  return { answer: bothFamilies(resolver, name), cancel: () => resolver.cancel() }
}

async function bothFamilies(resolver: Resolver, name: string): Promise<NameAnswer> {
  const addresses: LookupAddress[] = []
  const failures: Error[] = []
  let ttl = Number.POSITIVE_INFINITY
  let grace: NodeJS.Timeout | undefined
  const ask = async (family: 4 | 6) => {
    try {
      const records = await (family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true }))
      for (const record of records) {
        addresses.push({ address: record.address, family })
        ttl = Math.min(ttl, record.ttl)
      }
      if (records.length > 0) grace ??= setTimeout(() => resolver.cancel(), otherFamilyMs)
    } catch (error) {
      failures.push(error as Error)
    }
  }
  await Promise.all([ask(6), ask(4)])
  clearTimeout(grace)
  if (addresses.length === 0 && failures.length > 0) throw mostTelling(failures)
  const isWhole = failures.every(saysThereIsNone)
  return { addresses, ttlMs: ttl === Number.POSITIVE_INFINITY ? 0 : ttl * 1000, isWhole }
}

/** A missing name is missing in both families; that one family has no address is the least important of the errors. */
function mostTelling(failures: readonly Error[]): Error {
  return failures.find((error) => (error as NodeJS.ErrnoException).code !== 'ENODATA') ?? (failures[0] as Error)
}

/** The name servers answered, and know no address. */
export function saysThereIsNone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
