/** Ends of a connection under measurement: one that sends all it can, and servers that take it. */
import type { AddressInfo, Server } from 'node:net'

interface Pourable {
  write(chunk: Buffer): boolean
  once(event: 'drain', callback: () => void): unknown
  readonly destroyed: boolean
}

/** Writes it again and again, for as long as it is taken. */
export function pour(to: Pourable, what: Buffer): void {
  while (!to.destroyed && to.write(what));
  if (!to.destroyed) to.once('drain', () => pour(to, what))
}

/** On a free port of loopback. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
