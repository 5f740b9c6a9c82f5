/** Load on one connection of HTTP/2 through CONNECT: so many streams at once, by Node's own client. */
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { insideTunnel } from './inside-tunnel.ts'
import type { LoadResult } from './load.ts'

export interface Http2LoadOptions {
  readonly proxyPort: number
  readonly proxyAuthorization: string
  readonly ca: string
  /** `host:port`. */
  readonly authority: string
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer | null
  readonly streams: number
  readonly seconds: number
}

export async function http2Load(options: Http2LoadOptions): Promise<LoadResult> {
  const socket = await insideTunnel({ ...options, tls: { ALPNProtocols: ['h2'] } })
  const session = connect(`https://${options.authority}`, { createConnection: () => socket })
  const until = performance.now() + options.seconds * 1000
  const taken = await Promise.all(Array.from({ length: options.streams }, () => drive(session, options, until)))
  session.destroy()
  const sorted = taken.flat().sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { requestsPerSecond: sorted.length / options.seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures: 0 }
}

/** Milliseconds that each request took. */
async function drive(session: ClientHttp2Session, { headers, body }: Http2LoadOptions, until: number): Promise<readonly number[]> {
  const taken: number[] = []
  for (let from = performance.now(); from < until; from = performance.now()) {
    await once(session, headers, body)
    taken.push(performance.now() - from)
  }
  return taken
}

/** Rejects unless it is answered with 200 and, where it is a call of gRPC, with the status OK. */
function once(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body: Buffer | null): Promise<void> {
  return new Promise((resolve, reject) => {
    let answered = ''
    const stream = session.request(headers, { endStream: body === null })
    stream.once('response', (given) => {
      answered = `${given[':status']} ${given['grpc-status'] ?? 0}`
    })
    stream.once('trailers', (given) => {
      answered = `${answered.slice(0, 3)} ${given['grpc-status'] ?? 0}`
    })
    stream.once('error', reject)
    stream.once('close', () =>
      answered === '200 0' ? resolve() : reject(new Error(`the benchmark's request was answered with ${answered}`)),
    )
    stream.resume()
    if (body !== null) stream.end(body)
  })
}
