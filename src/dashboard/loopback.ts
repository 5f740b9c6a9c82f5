/**
 * The dashboard of the command: a port on loopback in the command's own process, and behind it the operator's socket. Containers of a
 * pod share loopback, so that whoever asks must have the secret of the URL that was printed; it opens one session, once.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, STATUS_CODES } from '../node-http.ts'
import { listenOnPort } from '../sockets/index.ts'
import { createOwnPage } from './own-page.ts'
import { createPages, pagesPath } from './pages.ts'
import { type Behind, relay } from './relay.ts'
import { createSessions, sessionPath } from './sessions.ts'

export interface LoopbackDashboard {
  /** With the secret, behind `#`, which browsers send to nobody. */
  readonly url: string
  close(): Promise<void>
}

const hashOf = (text: string) => hash('sha256', text, 'buffer')

/** Rejects where the port cannot be had; with 0, a free one is taken. */
export async function createLoopbackDashboard(behind: Behind, port: number): Promise<LoopbackDashboard> {
  const secret = randomBytes(32).toString('base64url')
  let unused: Buffer | null = hashOf(secret)
  const ownPage = createOwnPage({ scheme: 'http', hosts: [] })
  const sessions = createSessions<true>({ isSecure: false })
  const pages = createPages()

  function openSession(req: IncomingMessage, res: ServerResponse): void {
    if (req.method === 'DELETE') return void res.writeHead(204, { 'set-cookie': sessions.end(req.headers) }).end()
    const given = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1] ?? ''
    if (req.method !== 'POST' || unused === null || !timingSafeEqual(hashOf(given), unused))
      return void refuse(res, 401, 'this address was opened before, or is not whole: run "sallyport dashboard" again for another')
    unused = null
    const { cookie, key } = sessions.begin(true, null)
    send(res, 200, { key }, { 'set-cookie': cookie })
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const problem = ownPage(req)
    if (problem !== null) return refuse(res, 403, problem)
    if (await pages.serve(req, res)) return
    const path = req.url ?? ''
    if (path === sessionPath) return openSession(req, res)
    if (path === '/') return void res.writeHead(302, { location: pagesPath }).end()
    if (!path.startsWith('/v1/')) return refuse(res, 404, 'there is nothing here')
    if (sessions.find(req.headers) === null) return refuse(res, 401, 'no session: run "sallyport dashboard" again')
    relay(behind, req, res, (detail) => refuse(res, 502, detail))
  }

  const server: Server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (req, res) => {
    answer(req, res).catch(() => res.destroy())
  })
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

function refuse(res: ServerResponse, status: number, detail: string): void {
  send(res, status, { status, title: STATUS_CODES[status], detail })
}

function send(res: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent) return void res.destroy()
  res
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
    .end(JSON.stringify(value))
}
