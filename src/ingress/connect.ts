/** The CONNECT door: one arrival of kind `tunnel`, whose takeover is a blind tunnel or an interception; or of kind `self`, where it leads to the gateway itself. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Authority, parseAuthority, requireWellFormedHost } from '../canonical/index.ts'
import {
  type Arrival,
  BrokenOff,
  endConnection,
  type Hangup,
  type Identified,
  isTakeover,
  type Opening,
  Refusal,
  type SelfRequest,
  type TunnelRequest,
} from '../core/index.ts'
import type { Settling } from '../pipeline.ts'
import { askedBy } from './asked.ts'
import { deniedTunnel, type RefusedConnect } from './denied-tunnel.ts'
import { soleHeader } from './headers.ts'
import type { DoorOptions } from './http-arrival.ts'
import { rawHead, serveRaw, writeRaw } from './malformed.ts'
import { answerInTunnel, leadsToSelf } from './self-url.ts'
import { requireSupported } from './supported-heads.ts'
import { traceContextOf } from './trace-context.ts'

export type ConnectDoor = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

export function createConnectDoor({ handle, identify, nextId, requireShare, denyInside, selfUrl }: DoorOptions): ConnectDoor {
  return (req, socket, head) => {
    const id = nextId()
    socket.on('error', () => socket.destroy())
    const isSelf = () => selfUrl(socket) !== null && leadsToSelf(req.url ?? '', socket)
    const arrival = connectArrival(id, req, socket, head, { identify, requireShare, selfUrl, isSelf })
    serveRaw(handle, arrival, (settling) => {
      const tunnel = deniedTunnel(arrival, settling)
      const answersInside = tunnel !== null || (isSelf() && !settling.refused)
      if (!answersInside || !socket.writable) return begin(settling, socket, head, id)
      socket.write(established(id))
      if (tunnel !== null) settling.leave()
      const answered = tunnel === null ? answerInTunnel(settling, socket, head, id) : denyInside(socket, head, tunnel, settling)
      answered.then(
        () => settling.settle({ complete: false }),
        (error: unknown) => {
          settling.fail(error)
          settling.settle({ complete: false })
          socket.destroy()
        },
      )
    })
  }
}

function connectArrival(
  id: string,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { identify, requireShare, selfUrl, isSelf }: Pick<DoorOptions, 'identify' | 'requireShare' | 'selfUrl'> & { isSelf(): boolean },
): Arrival & RefusedConnect {
  const at = Date.now()
  const hangup = socketHangup(socket, head)
  const authenticate = () => identify(soleHeader(req.rawHeaders, 'proxy-authorization'), socket)
  return {
    id,
    door: 'connect',
    at,
    peer: req.socket.remoteAddress ?? 'local',
    ...(req.socket.remotePort !== undefined && { peerPort: req.socket.remotePort }),
    traceContext: traceContextOf(req.rawHeaders),
    asked: () => ({
      ...askedBy('CONNECT', req.url ?? '', null),
      claimed: identify.claimed?.(req.headers['proxy-authorization'] ?? null) ?? null,
    }),
    hangup,
    get selfUrl() {
      return selfUrl(socket)
    },
    cut: (why) => (why === undefined ? void socket.destroy() : endConnection(socket, why)),
    identify: authenticate,
    read({ integration, identity }: Identified): TunnelRequest | SelfRequest {
      requireShare(socket)
      const target = readTarget(req)
      const common = { id, door: 'connect', at, integration, identity, hangup } as const
      if (isSelf()) return { ...common, kind: 'self', action: 'read', target: {} }
      return { ...common, kind: 'tunnel', action: 'CONNECT', target, identify: authenticate, selfUrl: selfUrl(socket) }
    },
  }
}

/** RFC 9112 §3.2.3: authority form, with a port. It is what is judged and dialled, whatever Host says. */
function readTarget(req: IncomingMessage): Authority {
  requireSupported(req)
  requireNoContent(req)
  const judged = parseAuthority(req.url ?? '', null)
  const claimed = soleHeader(req.rawHeaders, 'host')
  if (claimed !== null && claimed !== req.url) requireWellFormedHost(claimed)
  return judged
}

/** RFC 9110 §9.3.6: the bytes after a CONNECT belong to the tunnel; another parser could take them for the CONNECT's own body. */
function requireNoContent({ rawHeaders }: IncomingMessage): void {
  const length = soleHeader(rawHeaders, 'content-length')
  if (soleHeader(rawHeaders, 'transfer-encoding') !== null || (length !== null && length !== '0'))
    throw new Refusal('malformed-request', 'a CONNECT has no body')
}

function begin(settling: Settling, socket: Duplex, head: Buffer, id: string): void {
  const { reply, meter } = settling
  if (!isTakeover(reply) || !socket.writable) {
    writeRaw(settling, socket, id)
    return
  }
  socket.write(established(id))
  reply.takeover(socket, head, meter, alreadyOpen).then(
    () => settling.settle({ complete: true }),
    (error: unknown) => {
      settling.settle({ complete: false, problem: error instanceof BrokenOff ? error.problem : null })
      socket.destroy()
    },
  )
}

/** RFC 9110 §9.3.6. */
function established(id: string): Buffer {
  return rawHead(200, 'Connection Established', ['sallyport-request-id', id])
}

/** A tunnel is open once its head is sent. */
const alreadyOpen: Opening = { accept() {}, refuse() {}, decline() {} }

/** A caller that ends its side before the tunnel is established has left, unless it has already sent bytes into it. */
function socketHangup(socket: Duplex, { byteLength }: Buffer): Hangup {
  const isGone = () => socket.destroyed || (byteLength === 0 && socket.readableEnded)
  return {
    get gone() {
      return isGone()
    },
    onGone(callback) {
      if (isGone()) {
        callback()
        return () => {}
      }
      const forget = () => {
        socket.off('close', heard)
        socket.off('end', heard)
      }
      function heard(): void {
        forget()
        callback()
      }
      socket.on('close', heard)
      if (byteLength === 0) socket.on('end', heard)
      // The socket is not being read yet, and without a read neither a FIN nor a reset is noticed. The bytes stay in its buffer for the tunnel.
      socket.read(0)
      return forget
    },
  }
}
