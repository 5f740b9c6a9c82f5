/** The gateway's own ports on this machine's addresses: never a destination. */
import { networkInterfaces } from 'node:os'
import { covers, type IpAddress, type IpBlock, readAddress, readBlock } from '../canonical/index.ts'

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
