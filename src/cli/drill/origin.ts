/** The destination of a drill: a server of the command's own on loopback, which counts what reaches it and answers nothing else. */
import type { AddressInfo } from 'node:net'
import { createServer } from '../../node-http.ts'
import { CommandError } from '../exit.ts'
import { drillPorts } from './manifest.ts'

export interface DrillOrigin {
  readonly port: number
  /** Of bodies and requests, so far. */
  received(): { readonly bytes: number; readonly requests: number }
  close(): Promise<void>
}

/** On the first port that is free, those that `used` names last. Throws `CommandError` where none is. */
export async function openOrigin(used: ReadonlySet<number>): Promise<DrillOrigin> {
  const received = { bytes: 0, requests: 0 }
  const server = createServer((req, res) => {
    received.requests += 1
    req.on('data', (chunk: Buffer) => {
      received.bytes += chunk.byteLength
    })
    req.on('end', () => res.end('a drill\n'))
    req.on('error', () => {})
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  const listen = (port: number) =>
    new Promise<boolean>((resolve) => {
      const failed = () => resolve(false)
      server.once('error', failed)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', failed)
        resolve(true)
      })
    })
  for (const port of [...drillPorts.filter((candidate) => !used.has(candidate)), ...used]) if (await listen(port)) return opened()
  throw new CommandError(`none of the ports of drills (${drillPorts[0]} to ${drillPorts.at(-1)}) is free on 127.0.0.1`)

  function opened(): DrillOrigin {
    server.on('error', () => {})
    return {
      port: (server.address() as AddressInfo).port,
      received: () => ({ ...received }),
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    }
  }
}
