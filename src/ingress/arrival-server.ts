/** An HTTP server that answers nothing by itself: whatever Node would refuse on its own is an arrival too, recorded and judged. */
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type DoorName, Refusal } from '../core/index.ts'
import { createServer } from '../node-http.ts'
import type { Handle } from '../pipeline.ts'
import { RequestLines } from '../sockets/index.ts'
import type { Containment } from './containment.ts'
import { serve } from './deliver.ts'
import { watchHalfClosed } from './half-closed.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { type LingerBounds, linger } from './linger.ts'
import { type ConnectionOwner, refuseUnparsed } from './malformed.ts'
import { createPendingResponses } from './pending-responses.ts'
import type { RequestDoor } from './proxy.ts'
import { isSlowed } from './request-body.ts'
import type { NextId } from './request-id.ts'
import { versionUnsupported } from './understood.ts'

/** What holds for every connection, whichever door it leads to. */
export interface ServingOptions {
  readonly http: ServerOptions
  /** A connection in which nothing moves is cut, unless it waits for the gateway. */
  readonly idleTimeoutMs: number
  /** Of what a caller still sends when its connection's last reply is out. */
  readonly linger: LingerBounds
  readonly handle: Handle
  readonly nextId: NextId
  readonly containment: Containment
}

export interface ArrivalServerOptions extends ServingOptions {
  /** Of what cannot be parsed. */
  readonly door: DoorName
  readonly route: RequestDoor
  /** Who asks, where nothing could be parsed. */
  readonly ownerOf: (socket: Duplex) => ConnectionOwner | null
  /** Answers a CONNECT, or says why there is none. */
  readonly connect: ((req: IncomingMessage, socket: Duplex, head: Buffer) => void) | Refusal
  /** Answers what `http.shouldUpgradeCallback` took for an upgrade; where there is none, every upgrade is ignored (RFC 9110 §7.8). */
  readonly upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export function createArrivalServer({
  http,
  idleTimeoutMs,
  linger: bounds,
  handle,
  nextId,
  containment,
  door,
  route,
  ownerOf,
  connect,
  upgrade,
}: ArrivalServerOptions): Server {
  const owed = createPendingResponses()
  // The parser says of every further chunk that it cannot go on.
  const given = new WeakSet<Duplex>()
  // What comes over these belongs to no request that Node knows of.
  const raw = new WeakSet<Duplex>()
  const lines = new WeakMap<Duplex, RequestLines>()
  /** RFC 9112 §9.6: once our end was announced nothing is served any more, since nobody could be answered. */
  const isOver = (socket: Duplex): boolean => {
    if (socket.writableEnded) socket.destroy()
    return socket.destroyed
  }
  const answer = (req: IncomingMessage, res: ServerResponse, by: RequestDoor) => {
    // A write that comes after the end is told by an event in a later turn, and an error without a listener ends the process.
    req.on('error', ignore)
    res.on('error', ignore)
    if (isOver(req.socket)) return
    lines.get(req.socket)?.check(req)
    owed.begin(req, res)
    try {
      by(req, res)
    } catch (error) {
      serve(handle, new HttpArrival(nextId(), failed(door, error), req, res))
    }
  }
  const routed: RequestDoor = (req, res) => answer(req, res, route)
  const refuse = (of: DoorName, refusal: Refusal, socket: Duplex) => {
    if (given.has(socket)) return
    given.add(socket)
    raw.add(socket)
    lines.get(socket)?.stop()
    const earlier = owed.of(socket).at(-1) ?? null
    refuseUnparsed({ handle, id: nextId(), door: of, refusal, socket, owner: ownerOf(socket), earlier }).catch(() => socket.destroy())
  }

  // Host is checked where the request is read, so that its lack is recorded.
  const server = createServer({ ...http, requireHostHeader: false }, routed)
  // Bytes bound a head; Node's own bound of 1000 headers refuses, or in earlier versions drops, what is within `http.maxHeader`.
  server.maxHeadersCount = 0
  containment.watch(server)
  server.setTimeout(idleTimeoutMs)
  // A caller that ends its side behind its request still reads; Node has it off unless asked (its types leave it out).
  ;(server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
  server.on('connection', (socket) => {
    socket.once('end', () => {
      if (!raw.has(socket) && owed.of(socket).length > 0) watchHalfClosed(socket, () => owed.of(socket))
    })
    lines.set(socket, new RequestLines(socket, () => owed.latest(socket)?.req.complete !== false))
    // What Node calls once the last reply of a connection is written.
    socket.destroySoon = endAfterReply
  })
  function endAfterReply(this: Socket): void {
    const rest = owed.of(this).at(-1)?.req ?? null
    if (raw.has(this)) linger(this, null, bounds)
    else if (rest?.complete === false) linger(this, rest, bounds)
    else Socket.prototype.destroySoon.call(this)
  }
  server.on('timeout', (socket) => {
    if (!isWaitingForUs(owed.of(socket)[0])) socket.destroy()
  })
  // The body's reader invites it (100) once the request is allowed.
  server.on('checkContinue', routed)
  // What is expected is looked at where the request is read.
  server.on('checkExpectation', routed)
  /** Node hands the connection over and forgets which replies wait in it: none of them would hear that it has closed. */
  const takeOver = (socket: Duplex) => {
    raw.add(socket)
    lines.get(socket)?.stop()
    socket.once('close', () => {
      for (const reply of owed.of(socket)) reply.destroy()
    })
  }
  server.on('connect', (req, socket, head) => {
    if (isOver(socket)) return
    takeOver(socket)
    if (connect instanceof Refusal) refuse(door === 'proxy' ? 'connect' : door, connect, socket)
    else if (owed.of(socket).length > 0) refuse('connect', tooEarly('a CONNECT'), socket)
    else connect(req, socket, head)
  })
  if (upgrade !== undefined) {
    server.on('upgrade', (req, socket, head) => {
      if (isOver(socket)) return
      lines.get(socket)?.check(req)
      takeOver(socket)
      // What is pending would land inside the other protocol.
      if (owed.of(socket).length > 0) refuse('services', tooEarly('an upgrade'), socket)
      else upgrade(req, socket, head)
    })
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Nobody is there to answer, and nothing was asked.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || socket.destroyed) socket.destroy()
    // What comes behind our end is thrown away, and its end may be anywhere: who ends the connection is `linger`'s.
    else if (socket.writableEnded) return
    // Cut short in the middle of a body: the request's own end, which its arrival records.
    else if (error.code === 'HPE_INVALID_EOF_STATE' && owed.of(socket).at(-1)?.req.complete === false) socket.destroy()
    else refuse(door, explainParseError(error), socket)
  })
  return server
}

/** How long an answer may take, and be silent in, is said by the origin's own timeouts; a caller that has read all that there is waits for it. */
function isWaitingForUs(reply: ServerResponse | undefined): boolean {
  if (reply !== undefined && isSlowed(reply.req)) return true
  if (reply?.req.complete !== true) return false
  return !reply.headersSent || (!reply.writableEnded && reply.socket?.writableLength === 0)
}

/** Why a CONNECT has no meaning here (RFC 9110 §15.5.6: a 405 names what has). */
export function noConnect(why: string): Refusal {
  return new Refusal('method-not-allowed', why, { headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'] })
}

function tooEarly(what: string): Refusal {
  return new Refusal('malformed-request', `${what} came before the reply to the request in front of it`)
}

/** A door that threw before there was an arrival: recorded and answered as one all the same. */
function failed(door: DoorName, error: unknown): DoorSettings {
  const fail = (): never => {
    throw error
  }
  return { door, identify: fail, read: fail }
}

function ignore(): void {}

function explainParseError(error: NodeJS.ErrnoException): Refusal {
  // The parser's code stands for what is no version at all as well.
  if ('reason' in error && error.reason === 'Invalid HTTP version') return versionUnsupported()
  // What a client of HTTP/2 begins with (RFC 9113 §3.4).
  if (error.code === 'HPE_PAUSED_H2_UPGRADE') return versionUnsupported()
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal('headers-too-large', 'the request line and headers are larger than http.maxHeader')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Refusal('payload-too-large', 'the chunk extensions are too large')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('request-timeout', 'the request head did not arrive in time')
    default:
      // `reason` is the parser's own sentence and holds no byte of the request.
      return new Refusal(
        'malformed-request',
        `not a valid HTTP/1.1 request: ${'reason' in error ? String(error.reason) : (error.code ?? 'parse error')}`,
      )
  }
}
