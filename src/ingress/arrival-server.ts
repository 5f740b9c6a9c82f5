/** An HTTP server that answers nothing by itself: what Node would refuse on its own becomes an arrival, which is recorded and answered by the path. */
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type DoorName, Refusal } from '../core/index.ts'
import { createServer } from '../node-http.ts'
import type { Handle } from '../pipeline.ts'
import { RequestLines, type SessionKeeper } from '../sockets/index.ts'
import { askedBy, askedInText } from './asked.ts'
import { serve } from './deliver.ts'
import type { ErrorBoundary } from './error-boundary.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { divertHttp2 } from './http2-preface.ts'
import { type LingerBounds, linger } from './linger.ts'
import { type ConnectionOwner, refuseUnparsed } from './malformed.ts'
import { createPendingResponses, watchHalfClosed } from './pending-responses.ts'
import type { RequestDoor } from './proxy.ts'
import { isSlowed } from './request-body.ts'
import type { NextId } from './request-id.ts'
import { versionUnsupported, wantsWebSocket } from './supported-heads.ts'
import type { UpgradeDoor } from './upgrades.ts'

/** What holds for every connection, whichever door it leads to. */
export interface ServingOptions {
  readonly http: ServerOptions
  /** A connection without traffic for so long is cut, unless it waits for the gateway. */
  readonly idleTimeoutMs: number
  /** Bounds on what a caller may still send after the last reply of its connection. */
  readonly linger: LingerBounds
  readonly handle: Handle
  readonly nextId: NextId
  /** Most streams that may be open at once on a connection of HTTP/2; each is an arrival, counted and limited by itself. */
  readonly maxStreams: number
  readonly errorBoundary: ErrorBoundary
  readonly sessionKeeper: SessionKeeper
}

export interface ArrivalServerOptions extends ServingOptions {
  /** The door of arrivals that cannot be parsed. */
  readonly door: DoorName
  readonly route: RequestDoor
  /** Whose connection it is, if that is known without a request. */
  readonly ownerOf: (socket: Duplex) => ConnectionOwner | null
  /** Answers a CONNECT; or the refusal of every CONNECT. */
  readonly connect: ((req: IncomingMessage, socket: Duplex, head: Buffer) => void) | Refusal
  /** Takes connections that begin as HTTP/2; if absent, they are refused. */
  readonly http2?: (socket: Socket) => void
  /** What opens a WebSocket that this request asks for; `null`: it is answered like every other request. */
  readonly upgrade: (req: IncomingMessage) => UpgradeDoor | null
}

export function createArrivalServer({
  http,
  idleTimeoutMs,
  linger: bounds,
  handle,
  nextId,
  errorBoundary,
  door,
  route,
  ownerOf,
  connect,
  http2,
  upgrade,
}: ArrivalServerOptions): Server {
  const pending = createPendingResponses()
  // After an error the parser reports another one for every further chunk.
  const given = new WeakSet<Duplex>()
  // Further bytes of these connections do not belong to a request of Node's.
  const raw = new WeakSet<Duplex>()
  const lines = new WeakMap<Duplex, RequestLines>()
  /** They speak HTTP/2. */
  const diverted = new WeakSet<Duplex>()
  /** RFC 9112 §9.6: once the gateway has ended its side, further requests are not served, since they cannot be answered. */
  const isOver = (socket: Duplex): boolean => {
    if (socket.writableEnded) socket.destroy()
    return socket.destroyed
  }
  const answer = (req: IncomingMessage, res: ServerResponse, by: RequestDoor) => {
    // Node reports a write after the end by an event in a later turn, and an error event without a listener ends the process.
    req.on('error', ignore)
    res.on('error', ignore)
    if (isOver(req.socket)) return
    lines.get(req.socket)?.check(req)
    pending.begin(req, res)
    try {
      by(req, res)
    } catch (error) {
      serve(handle, new HttpArrival(nextId(), failed(door, error), req, res))
    }
  }
  const routed: RequestDoor = (req, res) => answer(req, res, route)
  const refuse = (of: DoorName, refusal: Refusal, socket: Duplex, req: IncomingMessage | null = null) => {
    if (given.has(socket)) return
    given.add(socket)
    raw.add(socket)
    const asked =
      req === null ? askedInText(lines.get(socket)?.head() ?? '') : askedBy(req.method ?? '', req.url ?? '', req.headers.host ?? null)
    lines.get(socket)?.stop()
    const earlier = pending.of(socket).at(-1) ?? null
    refuseUnparsed({ handle, id: nextId(), door: of, refusal, socket, owner: ownerOf(socket), asked, earlier }).catch(() =>
      socket.destroy(),
    )
  }

  // A missing Host is refused where the request is read, so that it is recorded.
  // Another upgrade than to a WebSocket is a request like any other.
  const shouldUpgradeCallback = (req: IncomingMessage) => wantsWebSocket(req) && upgrade(req) !== null
  const server = createServer({ ...http, requireHostHeader: false, shouldUpgradeCallback }, routed)
  // The head is bounded in bytes. Node's own bound of 1000 headers refuses, or in earlier versions drops, headers within `http.maxHeader`.
  server.maxHeadersCount = 0
  errorBoundary.watch(server)
  server.setTimeout(idleTimeoutMs)
  // A caller that ends its side after its request still reads the reply. Off by default in Node, and missing in its types.
  ;(server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
  server.on('connection', (socket) => {
    socket.once('end', () => {
      if (!raw.has(socket) && pending.of(socket).length > 0) watchHalfClosed(socket, () => pending.of(socket))
    })
    lines.set(socket, new RequestLines(socket, () => pending.latest(socket)?.req.complete !== false))
    if (http2 !== undefined)
      divertHttp2(socket, () => {
        diverted.add(socket)
        http2(socket)
      })
    // Node calls this once the last reply of a connection is written.
    socket.destroySoon = endAfterReply
  })
  function endAfterReply(this: Socket): void {
    const rest = pending.of(this).at(-1)?.req ?? null
    if (raw.has(this)) linger(this, null, bounds)
    else if (rest?.complete === false) linger(this, rest, bounds)
    else Socket.prototype.destroySoon.call(this)
  }
  server.on('timeout', (socket) => {
    if (!isWaitingForUs(pending.of(socket)[0])) socket.destroy()
  })
  // The reader of the body sends the 100, once the request is allowed.
  server.on('checkContinue', routed)
  // Expectations are checked where the request is read.
  server.on('checkExpectation', routed)
  /** Node hands the connection over and forgets its pending replies: they would never learn that it has closed. */
  const takeOver = (socket: Duplex) => {
    raw.add(socket)
    lines.get(socket)?.stop()
    socket.once('close', () => {
      for (const reply of pending.of(socket)) reply.destroy()
    })
  }
  server.on('connect', (req, socket, head) => {
    if (isOver(socket)) return
    takeOver(socket)
    if (connect instanceof Refusal) refuse(door === 'proxy' ? 'connect' : door, connect, socket, req)
    else if (pending.of(socket).length > 0) refuse('connect', tooEarly('a CONNECT'), socket, req)
    else connect(req, socket, head)
  })
  server.on('upgrade', (req, socket, head) => {
    if (isOver(socket)) return
    lines.get(socket)?.check(req)
    takeOver(socket)
    // A pending reply would land inside the other protocol.
    if (pending.of(socket).length > 0)
      refuse(door === 'proxy' && req.url?.startsWith('/') ? 'services' : door, tooEarly('an upgrade'), socket, req)
    else upgrade(req)?.(req, socket, head)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The caller has left, and has asked nothing.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || socket.destroyed) socket.destroy()
    else if (diverted.has(socket)) return
    // What comes after the gateway's end is discarded, and may break off anywhere: `linger` ends the connection.
    else if (socket.writableEnded) return
    // Cut short in the middle of a body: the request's arrival records that.
    else if (error.code === 'HPE_INVALID_EOF_STATE' && pending.of(socket).at(-1)?.req.complete === false) socket.destroy()
    else refuse(door, explainParseError(error), socket)
  })
  return server
}

/** A caller that has read everything so far waits for the origin, whose own timeouts bound how long a reply may take and pause. */
function isWaitingForUs(reply: ServerResponse | undefined): boolean {
  if (reply !== undefined && isSlowed(reply.req)) return true
  if (reply?.req.complete !== true) return false
  return !reply.headersSent || (!reply.writableEnded && reply.socket?.writableLength === 0)
}

/** Refuses every CONNECT (RFC 9110 §15.5.6: a 405 names the methods that are allowed). */
export function noConnect(why: string): Refusal {
  return new Refusal('method-not-allowed', why, { headers: ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'] })
}

function tooEarly(what: string): Refusal {
  return new Refusal('malformed-request', `${what} came before the reply to the request in front of it`)
}

/** Where a door threw before it made its arrival: this arrival is recorded and answered instead. */
function failed(door: DoorName, error: unknown): DoorSettings {
  const fail = (): never => {
    throw error
  }
  return { door, identify: fail, read: fail }
}

function ignore(): void {}

function explainParseError(error: NodeJS.ErrnoException): Refusal {
  // The parser has the same code for something that is not a version at all.
  if ('reason' in error && error.reason === 'Invalid HTTP version') return versionUnsupported()
  // The preface of an HTTP/2 client (RFC 9113 §3.4).
  if (error.code === 'HPE_PAUSED_H2_UPGRADE') return versionUnsupported()
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal('headers-too-large', 'the request line and headers are larger than http.maxHeader')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Refusal('payload-too-large', 'the chunk extensions are too large')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('request-timeout', 'the request head did not arrive in time')
    default:
      // `reason` is a sentence of the parser, and quotes nothing of the request.
      return new Refusal(
        'malformed-request',
        `not a valid HTTP/1.1 request: ${'reason' in error ? String(error.reason) : (error.code ?? 'parse error')}`,
      )
  }
}
