/** A WebSocket to an origin on the network: its handshake takes a connection of its own, which then carries the frames. */
import type { Socket } from 'node:net'
import { type HttpRequest, Refusal, type Timeouts } from '../core/index.ts'
import { connectionOf } from '../egress/index.ts'
import { request as sendRequest } from '../node-http.ts'
import type { WebSocketBounds } from './bounds.ts'
import { FrameStream } from './frame-stream.ts'
import { declinedBy } from './handshake.ts'
import type { CallersEnd } from './options.ts'
import { WebSocketUpgrade } from './upgrade.ts'

export interface OpenOptions extends CallersEnd {
  readonly request: HttpRequest
  /** Path and query, as they are sent. */
  readonly path: string
  /** A new connection to the judged origin. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>
  /** Until the origin has answered. */
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  readonly bounds: WebSocketBounds
}

/** A larger head is an attack. */
const maxHeaderBytes = 64 * 1024

/** Ends as `WebSocketUpgrade.ended`. */
export function openWebSocket({ dial, ...options }: OpenOptions): Promise<void> {
  const { request, path, progress } = options
  const abort = new AbortController()
  const upgrade = new WebSocketUpgrade(
    { ...options, destination: request.target.host, declined: declinedBy },
    (frames) => new FrameStream(frames),
  )
  // The caller may have left already.
  if (upgrade.end.destroyed) return upgrade.ended
  upgrade.onGivenUp = () => abort.abort(new Refusal('client-closed', 'the WebSocket was given up'))
  const outgoing = sendRequest({
    ...{ method: 'GET', path, setHost: false, maxHeaderSize: maxHeaderBytes },
    headers: [...progress.outgoing(request.headers), 'connection', 'Upgrade', 'upgrade', 'websocket'],
    createConnection(_options, done) {
      progress.dialling()
      dial(abort.signal).then(
        (socket) => {
          const connection = connectionOf(socket)
          progress.dialled(connection)
          progress.started(connection)
          done(null, socket)
        },
        (error: Error) => done(error, undefined as never),
      )
      return undefined
    },
  })
  upgrade.follow(outgoing)
  outgoing.once('upgrade', (_answer, origin, head) => {
    if (upgrade.end.destroyed) return
    if (head.byteLength > 0) origin.unshift(head)
    origin.pipe(upgrade.end).pipe(origin)
  })
  outgoing.end()
  return upgrade.ended
}
