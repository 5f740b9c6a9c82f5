/** An origin with TLS that speaks HTTP/2, and nothing else where it is told so. */
import { once } from 'node:events'
import {
  createSecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Http2Origin {
  readonly port: number
  readonly heads: readonly (readonly string[])[]
  /** Of each head. */
  readonly askedOver: readonly (Http2Session | undefined)[]
  readonly sessions: readonly ServerHttp2Session[]
}

export interface Http2OriginOptions {
  readonly certificate: { readonly key: string; readonly certificate: string }
  readonly answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
  readonly maxConcurrentStreams?: number
}

export async function startHttp2Origin(
  t: Pick<TestContext, 'after'>,
  { certificate, answer, maxConcurrentStreams = 100 }: Http2OriginOptions,
): Promise<Http2Origin> {
  const heads: string[][] = []
  const askedOver: (Http2Session | undefined)[] = []
  const sessions: ServerHttp2Session[] = []
  // Of what it has not sent yet: it would refuse streams beside a large reply.
  const maxSessionMemory = 100
  const server = createSecureServer({
    maxSessionMemory,
    key: certificate.key,
    cert: certificate.certificate,
    settings: { maxConcurrentStreams },
  })
  server.on('session', (session) => void sessions.push(session.on('error', () => {})))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    heads.push(raw)
    askedOver.push(stream.session)
    stream.on('error', () => {})
    answer(stream, headers)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, heads, askedOver, sessions }
}
