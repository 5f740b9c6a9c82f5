/** One WebSocket upgrade to a service: it opens, or its caller gets the gateway's own answer; after that both ends live and die together. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Meter, Refusal, toProblem } from '../../core/index.ts'
import { explainOriginError } from '../http/origin-error.ts'

export interface UpgradeOptions {
  /** The service's name, for messages. */
  readonly service: string
  readonly requestId: string
  readonly caller: Duplex
  readonly timeoutMs: number
  readonly meter: Meter
}

export interface Upgrade {
  /** To be called before anybody else listens to the request: what the service answers is looked at here first. */
  follow(proxyReq: ClientRequest): void
  fail(error: Error): void
  /** Resolves when an open WebSocket has closed. Rejects with a `Refusal` where it never opened and the caller was told so, with another Error where it broke off. */
  readonly ended: Promise<void>
}

/** RFC 6455 §4.2.2; whatever else a service says may echo a credential, and nobody masks it on its way. */
const handshake: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
])

const meterEveryMs = 1000

export function createUpgrade({ service, requestId, caller, timeoutMs, meter }: UpgradeOptions): Upgrade {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  let proxyReq: ClientRequest | null = null
  let origin: Socket | null = null
  const counter = countBytes(caller as Socket, meter)
  const timer = setTimeout(() => fail(new Refusal('origin-timeout', `${service} did not upgrade within ${timeoutMs} ms`)), timeoutMs)

  caller.once('close', () => {
    clearTimeout(timer)
    counter.stop()
    if (origin === null) {
      proxyReq?.destroy()
      reject(new Refusal('client-closed', 'the caller went away'))
    } else origin.destroy()
    resolve()
  })

  function fail(error: Error): void {
    clearTimeout(timer)
    if (origin !== null) {
      reject(error)
      caller.destroy()
      return
    }
    const refusal = explainOriginError(error, service)
    reject(refusal)
    proxyReq?.destroy()
    if (caller.writable) caller.end(answerOf(refusal, requestId))
  }

  return {
    ended,
    fail,
    follow(request) {
      proxyReq = request
      request.once('response', ({ statusCode }) =>
        fail(new Refusal('origin-failed', `${service} refused the WebSocket: it answered ${statusCode}`)),
      )
      request.once('upgrade', ({ headers }: IncomingMessage, socket: Socket) => {
        clearTimeout(timer)
        origin = socket
        for (const name of Object.keys(headers)) if (!handshake.has(name)) delete headers[name]
        headers['sallyport-request-id'] = requestId
        if (caller.destroyed) socket.destroy()
      })
    },
  }
}

function answerOf(refusal: Refusal, requestId: string): string {
  const { status, headers, body } = toProblem(refusal, requestId)
  let head = `HTTP/1.1 ${status} ${refusal.code}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  const text = body instanceof Uint8Array ? Buffer.from(body).toString() : ''
  return `${head}sallyport-request-id: ${requestId}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
}

function countBytes(socket: Socket, meter: Meter): { stop(): void } {
  let read = socket.bytesRead
  let written = socket.bytesWritten
  const count = () => {
    meter.sent(socket.bytesRead - read)
    meter.received(socket.bytesWritten - written)
    read = socket.bytesRead
    written = socket.bytesWritten
  }
  const timer = setInterval(count, meterEveryMs)
  return {
    stop() {
      clearInterval(timer)
      count()
    },
  }
}
