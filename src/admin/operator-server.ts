/** An HTTP server for the operator: bounded in what its callers can hold, speaking only HTTP/1.1 and HTTP/1.0, with answers that are sent while they are made. */
import { constants } from 'node:crypto'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { drained } from '../core/index.ts'
import { createServer } from '../node-http.ts'
import { boundConnections, RequestLines } from '../sockets/index.ts'

const detail = 'the versions understood here are HTTP/1.1 and HTTP/1.0'
const problem = JSON.stringify({ status: 505, title: 'HTTP Version Not Supported', detail })
const headers = ['content-type', 'application/problem+json', 'content-length', String(problem.length), 'connection', 'close'] as const

/** PEM. */
export interface OperatorTls {
  readonly certificate: string
  readonly key: string
  /** The CAs whose client certificates are accepted; `null`: none is asked for. */
  readonly clientCa: string | null
}

export interface OperatorServerOptions {
  readonly maxConnections: number
  /** `null`: plain HTTP. */
  readonly tls?: OperatorTls | null
  /** Whether the caller of a connection has proved who it is: others give way to it. */
  readonly isProven?: (socket: Socket) => boolean
}

export function createOperatorServer(app: RequestListener, { maxConnections, tls = null, isProven }: OperatorServerOptions): Server {
  const latest = new WeakMap<Socket, IncomingMessage>()
  const lines = new WeakMap<Socket, RequestLines>()
  const bounds = { requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 8192 }
  const server = create((req, res) => {
    latest.set(req.socket, req)
    lines.get(req.socket)?.check(req)
    if (req.httpVersionMajor === 1 && req.httpVersionMinor <= 1) app(req, res)
    else refuse(res)
  })
  // A caller that ends its side after its request still gets its answer; Node has this off unless asked (its types leave it out).
  ;(server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
  boundConnections(server, maxConnections, isProven)
  server.on(tls === null ? 'connection' : 'secureConnection', (socket: Socket) => {
    lines.set(socket, new RequestLines(socket, () => latest.get(socket)?.complete !== false))
  })
  return server

  function create(listener: RequestListener): Server {
    if (tls === null) return createServer(bounds, listener)
    const { createServer: createTlsServer } = process.getBuiltinModule('node:https')
    return createTlsServer({ ...bounds, ...tlsOptions(tls) }, listener)
  }
}

function tlsOptions({ certificate, key, clientCa }: OperatorTls): TlsOptions {
  return {
    ...{ cert: certificate, key, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 },
    // Who has no certificate may have a token; whether there is one that holds is looked at for each request. A resumed
    // session would not be checked again.
    ...(clientCa !== null && { ca: clientCa, requestCert: true, rejectUnauthorized: false, secureOptions: constants.SSL_OP_NO_TICKET }),
  }
}

function refuse(res: ServerResponse): void {
  res.writeHead(505, [...headers]).end(problem)
}

/** As fast as it is read, and only while the caller reads. Rejects with what `parts` throws: where the head was sent before, the caller must see that the answer is not whole. */
export async function sendParts(res: ServerResponse, type: string, parts: AsyncIterable<string>): Promise<void> {
  for await (const part of parts) {
    if (!res.headersSent) res.writeHead(200, { 'content-type': type })
    if (res.destroyed) return
    if (!res.write(part)) await drained(res)
  }
  res.end()
}
