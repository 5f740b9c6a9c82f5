/** The services door: `/services/<name>/…`, requests and WebSocket upgrades. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { canonicalPath } from '../canonical/index.ts'
import { type AccessRequest, BrokenOff, type Identified, isTakeover, Refusal, servicePrefix } from '../core/index.ts'
import { ServerResponse } from '../node-http.ts'
import type { Handle } from '../pipeline.ts'
import { serve } from './deliver.ts'
import { countHop, forwardableHeaders } from './headers.ts'
import type { DoorOptions } from './http-arrival.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { endSoon } from './linger.ts'
import type { UpgradableDoor } from './listener.ts'
import { serveRaw, writeRaw } from './malformed.ts'
import { createRequestBody } from './request-body.ts'
import { wantsWebSocket } from './supported-heads.ts'

export function createServicesDoor({ handle, identify, nextId, requireShare }: DoorOptions): UpgradableDoor {
  const settings = (websocket: boolean): DoorSettings => ({
    door: 'services',
    identify,
    requireShare,
    read: (arrival, who) => read(arrival, who, websocket),
  })
  const plain = settings(false)
  const upgrading = settings(true)
  return {
    request: (req, res) => serve(handle, new HttpArrival(nextId(), plain, req, res)),
    upgrades: wantsWebSocket,
    upgrade(req, socket, head) {
      // Node makes no response object for an upgrade; this one is never written, and only reports that the caller has left.
      const res = new ServerResponse(req)
      const leave = () => void res.destroy()
      socket.once('close', leave)
      // As with a CONNECT: a caller that ends its side before the WebSocket is open has left, unless it has already sent bytes into it.
      if (head.byteLength === 0) socket.once('end', leave)
      // The socket is not being read yet, and without a read neither a FIN nor a reset is noticed.
      socket.read(0)
      const arrival = new HttpArrival(nextId(), upgrading, req, res)
      serveRaw(handle, arrival, (settling) => {
        socket.off('end', leave)
        begin(settling, socket, head, arrival.id)
      })
    },
  }
}

function begin(settling: Awaited<ReturnType<Handle>>, socket: Duplex, head: Buffer, id: string): void {
  const { reply, meter } = settling
  if (!isTakeover(reply) || !socket.writable) {
    writeRaw(settling, socket as Socket, id)
    return
  }
  // The takeover writes the 101, once the service has accepted.
  reply.takeover(socket, head, meter).then(
    () => settling.settle({ complete: true }),
    (error: unknown) => {
      // A Refusal: the WebSocket never opened, and the takeover answered with the refusal instead of a 101.
      if (error instanceof Refusal) {
        settling.settle({
          complete: error.code !== 'client-closed',
          status: error.status,
          problem: error.code,
          forOperator: error.forOperator,
        })
        endSoon(socket)
      } else {
        settling.settle({ complete: false, problem: error instanceof BrokenOff ? error.problem : null })
        socket.destroy()
      }
    },
  )
}

function read(arrival: HttpArrival, { integration, identity }: Identified, websocket: boolean): AccessRequest {
  const { req, res } = arrival
  const match = /^([a-z0-9-]{1,63})(\/.*|\?.*)?$/s.exec((req.url ?? '').slice(servicePrefix.length))
  if (match === null) throw new Refusal('malformed-request', 'expected /services/<name>/<path>')
  const rest = match[2] ?? '/'
  const { path, query } = canonicalPath(rest.startsWith('?') ? `/${rest}` : rest, integration.services)
  const body = createRequestBody(req, res)
  // Bytes after the head belong to the WebSocket: a body there would reach the service without having been judged.
  if (websocket && body !== null) throw new Refusal('malformed-request', 'a request for a WebSocket has no body')
  const method = req.method ?? ''
  const headers = forwardableHeaders(req.rawHeaders)
  return {
    kind: 'service',
    id: arrival.id,
    door: 'services',
    at: arrival.at,
    integration,
    identity,
    hangup: arrival,
    action: method,
    target: { name: match[1] ?? '', method, path, query, websocket },
    headers,
    body,
    isLastHop: countHop(method, headers),
  }
}
