/**
 * The dashboard of the command: a port on loopback in the command's own process, and behind it the operator's socket. Containers of a
 * pod share loopback, so that whoever asks must have the secret of the URL that was printed; it opens one session, once.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '../node-http.ts'
import { listenOnPort } from '../sockets/index.ts'
import { type Admitted, createDoor, sendProblem } from './door.ts'
import { pagesPath } from './pages.ts'
import { type Behind, relay } from './relay.ts'

export interface LoopbackDashboard {
  /** With the secret, behind `#`, which browsers send to nobody. */
  readonly url: string
  close(): Promise<void>
}

const maxConnections = 100

const hashOf = (text: string) => hash('sha256', text, 'buffer')

/** Rejects where the port cannot be had; with 0, a free one is taken. */
export async function createLoopbackDashboard(behind: Behind, port: number): Promise<LoopbackDashboard> {
  const secret = randomBytes(32).toString('base64url')
  let unused: Buffer | null = hashOf(secret)

  async function admit({ headers }: IncomingMessage): Promise<Admitted<true>> {
    const given = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    if (unused === null || !timingSafeEqual(hashOf(given), unused))
      return { status: 401, detail: 'this address was opened before, or is not whole: run "sallyport dashboard" again for another' }
    unused = null
    return { holder: true, expiresAtMs: null }
  }

  const door = createDoor<true>({ scheme: 'http', hosts: [], admit, howToEnter: 'there is no session: run "sallyport dashboard" again' })
  const server: Server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (req, res) => {
    door
      .enter(req, res)
      .then((holder) => {
        if (holder === null) return
        if (req.url?.startsWith('/v1/') === true) relay(behind, req, res, (detail) => sendProblem(res, 502, detail))
        else sendProblem(res, 404, 'there is nothing here')
      })
      .catch(() => res.destroy())
  })
  // A browser opens six; whoever else is on loopback cannot make the command run out of descriptors.
  server.maxConnections = maxConnections
  await listenOnPort(server, port, '127.0.0.1')
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${taken}${pagesPath}#once=${secret}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
