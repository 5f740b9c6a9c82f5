/** A connection through CONNECT and an interception, on which requests can be written. */
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'

export interface InsideTunnel {
  readonly proxyPort: number
  readonly proxyAuthorization: string
  /** `host:port`. */
  readonly authority: string
  /** What the gateway's certificate is checked against; it is not, where this is absent. */
  readonly ca?: string
  /** What else the client says of TLS. */
  readonly tls?: ConnectionOptions
}

export async function insideTunnel({ proxyPort, proxyAuthorization, authority, ca, tls = {} }: InsideTunnel): Promise<Socket> {
  const socket = await tunnel(proxyPort, authority, proxyAuthorization)
  const secure = tlsConnect({
    ...tls,
    socket,
    servername: new URL(`https://${authority}`).hostname,
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
  })
  await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
  return secure
}

function tunnel(proxyPort: number, authority: string, proxyAuthorization: string): Promise<Socket> {
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
