/** Load through CONNECT, where wrk cannot go: Node's own HTTP client over tunnels that stay open. `tunnelled: false` asks in absolute form. */

import * as http from 'node:http'
import { type Agent, request } from 'node:http'
import { connect as tlsConnect } from 'node:tls'
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
    const socket = await tunnel(proxyPort, `${hostname}:${port}`, proxyAuthorization)
    const secure = tlsConnect({ socket, ca, servername: hostname })
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
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

function tunnel(proxyPort: number, authority: string, proxyAuthorization: string): Promise<import('node:net').Socket> {
  return new Promise((resolve, reject) => {
    request({
      host: '127.0.0.1',
      port: proxyPort,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, 'proxy-authorization': proxyAuthorization },
    })
      .once('connect', (res, socket) =>
        res.statusCode === 200 ? resolve(socket) : reject(new Error(`CONNECT was answered with ${res.statusCode}`)),
      )
      .once('error', reject)
      .end()
  })
}
