/** What Node's parser or TLS refuses before there is a request: it is an arrival as well, recorded and answered. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type Arrival,
  type Asked,
  type DoorName,
  type Hangup,
  type HeaderList,
  type Identified,
  isTakeover,
  type Refusal,
} from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import type { Identify } from './identify.ts'
import { endSoon } from './linger.ts'

/** The integration of a connection, whatever is sent over it: by its listener, or by the tunnel that it is in. */
export interface ConnectionOwner {
  readonly identify: Identify
  /** The id of the tunnel's CONNECT. */
  readonly parent?: string
}

export interface Malformed {
  readonly id: string
  readonly door: DoorName
  readonly socket: Duplex & { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined }
  readonly refusal: Refusal
  /** `null`: only a request could prove the integration. */
  readonly owner: ConnectionOwner | null
  /** As `Arrival.asked`. */
  readonly asked: Asked | null
}

/** An arrival of which only this is known: its door, its connection's integration if that needs no request, and what is wrong with it. */
export function malformedArrival({ id, door, socket, refusal, owner, asked }: Malformed): Arrival {
  const fail = (): never => {
    throw refusal
  }
  const identify = () => provenBy(owner, socket) ?? fail()
  const hangup = closeOf(socket)
  const cut = () => void socket.destroy()
  const { remoteAddress: peer = 'local', remotePort: peerPort } = socket
  const arrival = { id, door, at: Date.now(), peer, hangup, identify, read: fail, cut, asked: () => asked }
  const from = peerPort === undefined ? arrival : { ...arrival, peerPort }
  return owner?.parent === undefined ? from : { ...from, parent: owner.parent }
}

/** A caller that sent something malformed counts as gone only once its connection is closed. */
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
    // The caller is unidentified by now; the answer is still about what is malformed.
    return null
  }
}

export interface Unparsed extends Malformed {
  readonly handle: Handle
  /** The sent or pending reply to the request before; `null` if there was none. */
  readonly earlier: ServerResponse | null
}

/** Records and answers what never became a request, then ends the connection. Its answer waits its turn behind an earlier reply. */
export async function refuseUnparsed({ handle, earlier, ...malformed }: Unparsed): Promise<void> {
  const { id, socket } = malformed
  const settling = await handle(malformedArrival(malformed))
  if (earlier !== null && !earlier.closed) {
    // The malformed bytes are in the body of a request whose reply has begun: it cannot be replaced.
    if (!earlier.req.complete && earlier.headersSent) socket.destroy()
    // An answer now would be taken for that reply, or for a part of it.
    else if (earlier.req.complete) await new Promise<void>((resolve) => earlier.once('close', () => resolve()))
  }
  writeRaw(settling, socket, id)
}

/** From the pipeline to a raw socket. Never throws: a bug costs this caller its connection, and affects no other. */
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

/** Writes a whole answer on a raw socket, and ends it. A takeover is discarded. */
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
  // Listens before it writes: on a TLS connection that was reset, the callback of a write may never be called.
  socket.once('close', () => settling.settle({ complete: false }))
  socket.end(Buffer.concat([head, body]), (error?: Error | null) =>
    settling.settle({ complete: error == null, receivedBytes: body.byteLength }),
  )
  endSoon(socket)
}

/** As `writeRaw`, inside a tunnel that has been opened. Resolves when the connection has closed. */
export function writeInTunnel(settling: Settling, socket: Duplex, requestId: string): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve)
    writeRaw(settling, socket, requestId)
  })
}

/** `reason`: the reason phrase, which may be any text (RFC 9112 §4). */
export function rawHead(status: number, reason: string, headers: HeaderList): Buffer {
  let head = `HTTP/1.1 ${status} ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}
