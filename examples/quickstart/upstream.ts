/** The origin of the quick start: forecasts that are public, and an admin page that no integration should reach. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const pages: Readonly<Record<string, unknown>> = {
  '/v1/forecast': { city: 'Porto', today: 'sun', tomorrow: 'rain' },
  '/v1/cities': ['Porto', 'Tartu', 'Nara'],
  '/clock/now': { note: 'reached as the named service "clock"' },
  '/admin/keys': { note: 'if you can read this through the gateway, something is wrong' },
}

/** Resolves once it listens on `port` of both loopback addresses (IPv4 alone where the machine has no IPv6). */
export async function startUpstream(port: number): Promise<{ port: number; close(): Promise<void> }> {
  const first = await listen('127.0.0.1', port)
  const bound = (first.address() as AddressInfo).port
  const second = await listen('::1', bound).catch(() => null)
  return {
    port: bound,
    async close() {
      for (const server of [first, second]) {
        server?.closeAllConnections()
        await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())))
      }
    },
  }
}

function listen(host: string, port: number): Promise<Server> {
  const server = createServer((req, res) => {
    const page = pages[req.url?.split('?')[0] ?? '']
    res.writeHead(page === undefined ? 404 : 200, { 'content-type': 'application/json' })
    res.end(`${JSON.stringify(page ?? { note: 'no such page' })}\n`)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}
