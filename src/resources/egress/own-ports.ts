/** The gateway's own ports: never a destination. */
import { networkInterfaces } from 'node:os'

/** The gateway's own ports on this machine's addresses: never a destination (invariant 8 of the design). */
export function createOwnPorts() {
  const ports = new Set<number>()
  return {
    add(more: readonly number[]) {
      for (const port of more) ports.add(port)
    },
    isOwn(address: string, port: number): boolean {
      if (!ports.has(port)) return false
      if (/^127\.|^::1$|^0\.0\.0\.0$|^::$|^::ffff:127\./i.test(address)) return true
      return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === address))
    },
  }
}
