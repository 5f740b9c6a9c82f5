/** Load through CONNECT, where wrk cannot go: Node's own HTTP client over tunnels that stay open. `tunnelled: false` asks in absolute form. */
import * as http from 'node:http'
import { type Agent, request } from 'node:http'
import { insideTunnel } from './inside-tunnel.ts'
import type { LoadResult } from './load.ts'

export interface TlsLoadOptions {
  readonly proxyPort: number
  /** `null`: plain absolute-form requests by the same client, to compare with. */
  readonly ca: string | null
  readonly url: string
  readonly proxyAuthorization: string
  readonly connections: number
  readonly seconds: number
}

export async function tlsLoad(options: TlsLoadOptions): Promise<LoadResult> {
  const until = performance.now() + options.seconds * 1000
  const taken = await Promise.all(Array.from({ length: options.connections }, () => drive(options, until)))
  const sorted = taken.flat().sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { requestsPerSecond: sorted.length / options.seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures: 0 }
}

/** Milliseconds that each request took. */
async function drive({ proxyPort, ca, url, proxyAuthorization }: TlsLoadOptions, until: number): Promise<readonly number[]> {
  const { host, hostname, port, pathname } = new URL(url)
  const agent: Agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  if (ca !== null) {
    const secure = await insideTunnel({ proxyPort, proxyAuthorization, authority: `${hostname}:${port}`, ca })
    agent.createConnection = () => secure
  }
  const taken: number[] = []
  for (let from = performance.now(); from < until; from = performance.now()) {
    const options =
      ca === null
        ? { host: '127.0.0.1', port: proxyPort, path: url, headers: { host, 'proxy-authorization': proxyAuthorization } }
        : { path: pathname, headers: { host } }
    const status = await once({ ...options, agent })
    if (status !== 200) throw new Error(`the benchmark's request was answered with ${status}`)
    taken.push(performance.now() - from)
  }
  agent.destroy()
  return taken
}

function once(options: http.RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    request(options, (res) => {
      res.resume()
      res.once('end', () => resolve(res.statusCode ?? 0))
    })
      .once('error', reject)
      .end()
  })
}
