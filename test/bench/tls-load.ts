/** Load through CONNECT, where wrk cannot go: Node's own HTTP client over tunnels that stay open. `tunnelled: false` asks in absolute form. */

import * as http from 'node:http'
import { type Agent, request } from 'node:http'
import { connect as tlsConnect } from 'node:tls'

export interface TlsLoadOptions {
  readonly proxyPort: number
  /** `null`: plain absolute-form requests by the same client, to compare with. */
  readonly ca: string | null
  readonly url: string
  readonly proxyAuthorization: string
  readonly connections: number
  readonly seconds: number
}

/** Requests a second. */
export async function tlsLoad(options: TlsLoadOptions): Promise<number> {
  const until = performance.now() + options.seconds * 1000
  const counts = await Promise.all(Array.from({ length: options.connections }, () => drive(options, until)))
  return counts.reduce((sum, count) => sum + count, 0) / options.seconds
}

async function drive({ proxyPort, ca, url, proxyAuthorization }: TlsLoadOptions, until: number): Promise<number> {
  const { host, hostname, port, pathname } = new URL(url)
  const agent: Agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  if (ca !== null) {
    const socket = await tunnel(proxyPort, `${hostname}:${port}`, proxyAuthorization)
    const secure = tlsConnect({ socket, ca, servername: hostname })
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
    agent.createConnection = () => secure
  }
  let count = 0
  while (performance.now() < until) {
    const options =
      ca === null
        ? { host: '127.0.0.1', port: proxyPort, path: url, headers: { host, 'proxy-authorization': proxyAuthorization } }
        : { path: pathname, headers: { host } }
    const status = await once({ ...options, agent })
    if (status !== 200) throw new Error(`the benchmark's request was answered with ${status}`)
    count += 1
  }
  agent.destroy()
  return count
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
