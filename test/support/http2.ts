/** HTTP/2 through an intercepted tunnel, by Node's own client. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import type { TestContext } from 'node:test'
import type { Installation } from './installation.ts'
import { type Inside, openInside } from './tunnel.ts'

export interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
}

/** A session inside a tunnel to `localhost:<port>`; it ends with the test. */
export async function openSession(t: Pick<TestContext, 'after'>, installation: Installation, to: Inside): Promise<ClientHttp2Session> {
  const socket = await openInside(installation, { ...to, tls: { ...to.tls, ALPNProtocols: ['h2'] } })
  const session = connect(`https://localhost:${to.port}`, { createConnection: () => socket })
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

/** Rejects if the stream is reset. */
export function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    let body = ''
    stream
      .on('response', (given) => {
        headers = given
      })
      .on('trailers', (given) => {
        trailers = given
      })
      .on('data', (chunk: Buffer) => {
        body += chunk.toString('latin1')
      })
      .on('error', reject)
      // Node ends a stream that was reset as well, before it says so.
      .on('close', () => (stream.rstCode === 0 ? resolve({ headers, body, trailers }) : reject(new Error(`reset with ${stream.rstCode}`))))
  })
}

export function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return answerOf(stream)
}
