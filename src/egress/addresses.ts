/** Which addresses may be dialled: the public internet, plus the blocks that a capability names, but never the gateway itself. */

import { networkInterfaces } from 'node:os'
import { covers, type IpAddress, type IpBlock, isMapped, readAddress, readBlock } from '../canonical/index.ts'
import { Refusal } from '../core/index.ts'
import { reachable, specialPurpose } from './special-purpose.ts'

/** Answers whether an address and port are this gateway's own (its doors, its operator's side). */
export type IsOwn = (address: string, port: number) => boolean

export interface AddressRule {
  /** Throws `Refusal('address-denied')`. `allowed`: CIDR blocks beyond the public internet. `host` is for the message. */
  judge(host: string, address: string, port: number, allowed: readonly string[]): void
}

const special = specialPurpose.map(([block, name]) => ({ block, name, range: blockOf(block) }))
const exceptions = reachable.map(blockOf)

export function createAddressRule(isOwn: IsOwn): AddressRule {
  // Capabilities come from manifests: few, and long-lived.
  const ranges = new WeakMap<readonly string[], readonly IpBlock[]>()

  function rangesOf(allowed: readonly string[]): readonly IpBlock[] {
    let known = ranges.get(allowed)
    if (known === undefined) {
      known = allowed.map(blockOf)
      ranges.set(allowed, known)
    }
    return known
  }

  return {
    judge(host, text, port, allowed) {
      const address = readAddress(text)
      if (address === null) throw denied(`${host} leads to an address that only this machine understands`, text, port, 'no address')
      if (isOwn(text, port)) throw denied(`${host} leads back to this gateway`, text, port, 'the gateway’s own')
      const found = special.find(({ range }) => covers(range, address))
      if (found === undefined || exceptions.some((range) => covers(range, address))) return
      // An IPv6 block must not admit IPv4 addresses, which have their own blocks: a mapped address is never dialled.
      const isIpv4 = isMapped({ family: address.family, first: address.value, last: address.value })
      if (!isIpv4 && rangesOf(allowed).some((range) => covers(range, address))) return
      throw denied(
        `${host} resolves to an address outside the public internet; the capability must name its block under "addresses"`,
        text,
        port,
        `${found.block}: ${found.name}`,
      )
    },
  }
}

/** Whether it is an address outside the public internet. */
export function isSpecial(text: string): boolean {
  const address = readAddress(text)
  return address !== null && special.some(({ range }) => covers(range, address)) && !exceptions.some((range) => covers(range, address))
}

/** The caller does not learn the address: names of the inside would show it the inside network. */
function denied(detail: string, address: string, port: number, why: string): Refusal {
  return new Refusal('address-denied', detail, { forOperator: `${address} port ${port} (${why})` })
}

function blockOf(text: string): IpBlock {
  const block = readBlock(text)
  if (block === null) throw new Error(`"${text}" is not a block of addresses`)
  return block
}

/** Blocks that lead to this machine whatever its interfaces are: Linux treats all of 0.0.0.0/8 that it routes, and `::`, as loopback. */
const here = ['0.0.0.0/8', '127.0.0.0/8', '::/128', '::1/128'].map((text) => readBlock(text) as IpBlock)
/** An IPv4 address within IPv6: mapped, translated, compatible. */
const embedding = ['::ffff:0:0/96', '::ffff:0:0:0/96', '::/96'].map((text) => readBlock(text) as IpBlock)

export function createOwnPorts() {
  const ports = new Set<number>()
  return {
    add(more: readonly number[]) {
      for (const port of more) ports.add(port)
    },
    /** In every spelling of every address of this machine. */
    isOwn(text: string, port: number): boolean {
      if (!ports.has(port)) return false
      const address = readAddress(text)
      // What cannot be read is not dialled either.
      if (address === null) return true
      return [address, ...embedded(address)].some((form) => here.some((block) => covers(block, form)) || isInterface(form))
    },
  }
}

function embedded(address: IpAddress): readonly IpAddress[] {
  return embedding.some((block) => covers(block, address)) ? [{ family: 4, value: address.value & 0xffff_ffffn }] : []
}

function isInterface({ family, value }: IpAddress): boolean {
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => {
      const own = readAddress(entry.address)
      return own !== null && own.family === family && own.value === value
    }),
  )
}
