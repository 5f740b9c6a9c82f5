/** Origins of tests: real servers on loopback that count what reaches them. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { OriginCertificate } from './certificates.ts'

export interface Origin {
  readonly port: number
  readonly server: Server
  /** Requests so far. */
  readonly requests: { method: string; url: string; rawHeaders: string[]; body: Buffer }[]
  connections(): number
}

/**
 * Answers with what `answer` writes; by default 200 and `hello`. With a certificate it speaks TLS, with `clientCa` to those
 * alone whose certificate comes from there. Closed when the test ends.
 */
export async function startOrigin(
  t: Pick<TestContext, 'after'>,
  {
    answer = hello,
    certificate,
    clientCa,
    host = '127.0.0.1',
  }: { answer?: RequestListener; certificate?: OriginCertificate; clientCa?: string; host?: string } = {},
): Promise<Origin> {
  const requests: Origin['requests'] = []
  let connections = 0
  const listener: RequestListener = (req, res) => {
    requests.push({ method: req.method ?? '', url: req.url ?? '', rawHeaders: req.rawHeaders, body: Buffer.alloc(0) })
    answer(req, res)
  }
  const server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer(
          {
            key: certificate.key,
            cert: certificate.certificate,
            ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
          },
          listener,
        )
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server: server as Server, requests, connections: () => connections }
}

const hello: RequestListener = (_req, res) => void res.end('hello')

export async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
