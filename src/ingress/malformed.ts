/** What Node's parser or TLS refuses before there is a request: an arrival all the same, recorded and answered. */
import type { Duplex } from 'node:stream'
import {
  type Arrival,
  type DoorName,
  type Hangup,
  type HeaderList,
  isTakeover,
  type ProblemCode,
  problems,
  Refusal,
} from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'

/** An arrival whose `identify` throws: all that is known is where it came in and what is wrong with it. */
export function malformedArrival(
  id: string,
  door: DoorName,
  socket: Duplex & { remoteAddress?: string | undefined },
  refusal: Refusal,
): Arrival {
  const fail = (): never => {
    throw refusal
  }
  const hangup: Hangup = { gone: false, onGone: () => () => {} }
  return { id, door, at: Date.now(), peer: socket.remoteAddress ?? 'local', hangup, identify: fail, read: fail }
}

/** Handles `clientError` of an HTTP server: 400, 408 or 431 as a problem document, then the connection ends. */
export async function answerClientError(
  handle: Handle,
  id: string,
  door: DoorName,
  error: NodeJS.ErrnoException,
  socket: Duplex,
): Promise<void> {
  // Nobody is there to answer, and nothing was asked.
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || socket.destroyed) {
    socket.destroy()
    return
  }
  const { code, detail } = explain(error)
  const settling = await handle(malformedArrival(id, door, socket, new Refusal(code, detail)))
  writeRaw(settling, socket, id)
}

function explain(error: NodeJS.ErrnoException): { code: ProblemCode; detail: string } {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'headers-too-large', detail: 'the request line and headers are larger than http.maxHeaderBytes' }
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { code: 'payload-too-large', detail: 'the chunk extensions are too large' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request-timeout', detail: 'the request head did not arrive in time' }
    default:
      // `reason` is the parser's own sentence and holds no byte of the request.
      return {
        code: 'malformed-request',
        detail: `not a valid HTTP/1.1 request: ${'reason' in error ? String(error.reason) : (error.code ?? 'parse error')}`,
      }
  }
}

/** A whole answer on a raw socket, and its end. Takeovers have no place here and are discarded. */
export function writeRaw(settling: Settling, socket: Duplex, requestId: string): void {
  const { reply } = settling
  if (isTakeover(reply) || typeof reply.body === 'function' || !socket.writable) {
    if (isTakeover(reply)) reply.discard()
    settling.settle({ complete: false, status: 499 })
    socket.destroy()
    return
  }
  const body = reply.body ?? Buffer.alloc(0)
  const head = rawHead(reply.status, [
    ...reply.headers,
    'sallyport-request-id',
    requestId,
    'content-length',
    String(body.byteLength),
    'connection',
    'close',
  ])
  socket.on('error', () => socket.destroy())
  socket.end(Buffer.concat([head, body]), () => {
    settling.settle({ complete: true, receivedBytes: body.byteLength })
    // Half-open callers that never close must not keep the descriptor.
    socket.destroy()
  })
}

/** `reason`: what stands behind the status; any text is allowed there (RFC 9112 §4). */
export function rawHead(status: number, headers: HeaderList, reason = reasonOf(status)): Buffer {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}

function reasonOf(status: number): string {
  const known = Object.entries(problems).find(([, problem]) => problem.status === status)
  return known === undefined ? 'OK' : (known[0] satisfies string)
}
