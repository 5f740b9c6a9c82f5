/** What Node's parser or TLS refuses before there is a request: an arrival all the same, recorded and answered. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Arrival, type DoorName, type Hangup, type HeaderList, type Identified, isTakeover, type Refusal } from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import type { Identify } from './identify.ts'
import { endSoon } from './linger.ts'

/** Whose a connection is by itself, whatever is sent over it: by its listener, or by the tunnel that it is in. */
export interface ConnectionOwner {
  readonly identify: Identify
  /** The id of the tunnel's CONNECT. */
  readonly parent?: string
}

/** All that is known is where it came in, whose connection it is if that is known without a request, and what is wrong with it. */
export function malformedArrival(
  id: string,
  door: DoorName,
  socket: Duplex & { remoteAddress?: string | undefined },
  refusal: Refusal,
  owner: ConnectionOwner | null = null,
): Arrival {
  const fail = (): never => {
    throw refusal
  }
  const identify = () => provenBy(owner, socket) ?? fail()
  const hangup = closeOf(socket)
  const cut = () => void socket.destroy()
  const arrival = { id, door, at: Date.now(), peer: socket.remoteAddress ?? 'local', hangup, identify, read: fail, cut }
  return owner?.parent === undefined ? arrival : { ...arrival, parent: owner.parent }
}

/** Who sends what cannot be parsed has left only once the connection is closed. */
function closeOf(socket: Duplex): Hangup {
  return {
    get gone() {
      return socket.destroyed
    },
    onGone(callback) {
      if (socket.destroyed) callback()
      else socket.once('close', callback)
      return () => void socket.off('close', callback)
    },
  }
}

function provenBy(owner: ConnectionOwner | null, socket: Duplex): Identified | null {
  try {
    return owner?.identify(null, socket) ?? null
  } catch {
    // It proves nothing any more: what is wrong with the request is told, and not that.
    return null
  }
}

export interface Unparsed {
  readonly handle: Handle
  readonly id: string
  readonly door: DoorName
  readonly refusal: Refusal
  readonly socket: Duplex
  /** `null`: only a request proves whose it is. */
  readonly owner: ConnectionOwner | null
  /** The reply that the connection gave or owes to the request before; `null` where there was none. */
  readonly earlier: ServerResponse | null
}

/** Records and answers what never became a request, then ends the connection. Its answer waits its turn behind an earlier reply. */
export async function refuseUnparsed({ handle, id, door, refusal, socket, owner, earlier }: Unparsed): Promise<void> {
  const settling = await handle(malformedArrival(id, door, socket, refusal, owner))
  if (earlier !== null && !earlier.closed) {
    // What is wrong stands in the body of the request that is being answered: its reply cannot be taken back.
    if (!earlier.req.complete && earlier.headersSent) socket.destroy()
    // An answer now would be read as that reply, or as a part of it.
    else if (earlier.req.complete) await new Promise<void>((resolve) => earlier.once('close', () => resolve()))
  }
  writeRaw(settling, socket, id)
}

/** From the pipeline to a raw socket. Never throws: a bug costs this caller its connection and nobody else anything. */
export function serveRaw(handle: Handle, arrival: Arrival, begin: (settling: Settling) => void): void {
  void handle(arrival).then((settling) => {
    try {
      begin(settling)
    } catch (error) {
      settling.fail(error)
      settling.settle({ complete: false })
      arrival.cut()
    }
  })
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
  const head = rawHead(reply.status, reply.reason ?? '', [
    ...reply.headers,
    'sallyport-request-id',
    requestId,
    'content-length',
    String(body.byteLength),
    'connection',
    'close',
  ])
  socket.on('error', () => socket.destroy())
  // Told first: under a TLS connection that was reset, a write may never be heard of again.
  socket.once('close', () => settling.settle({ complete: false }))
  socket.end(Buffer.concat([head, body]), (error?: Error | null) =>
    settling.settle({ complete: error == null, receivedBytes: body.byteLength }),
  )
  endSoon(socket)
}

/** `reason`: what stands behind the status; any text is allowed there (RFC 9112 §4). */
export function rawHead(status: number, reason: string, headers: HeaderList): Buffer {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}
