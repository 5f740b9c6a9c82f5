/** An HTTP/1.1 request for a WebSocket as an arrival: the destination's answer opens it, or the caller gets a refusal. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Answer, BrokenOff, isTakeover, type Opening, Refusal } from '../core/index.ts'
import { ServerResponse } from '../node-http.ts'
import type { Settling } from '../pipeline.ts'
import { type DoorOptions, type DoorSettings, HttpArrival } from './http-arrival.ts'
import { endSoon } from './linger.ts'
import { rawHead, serveRaw, writeRaw } from './malformed.ts'

export type UpgradeDoor = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

export function createUpgradeDoor(
  { handle, nextId }: Pick<DoorOptions, 'handle' | 'nextId'>,
  settingsOf: (req: IncomingMessage) => DoorSettings,
): UpgradeDoor {
  return (req, socket, head) => {
    // Node makes no response object for an upgrade; this one is never written, and only reports that the caller has left.
    const res = new ServerResponse(req)
    const leave = () => void res.destroy()
    socket.once('close', leave)
    // As with a CONNECT: a caller that ends its side before the WebSocket is open has left, unless it has already sent bytes into it.
    if (head.byteLength === 0) socket.once('end', leave)
    // The socket is not being read yet, and without a read neither a FIN nor a reset is noticed.
    socket.read(0)
    const arrival = new HttpArrival(nextId(), settingsOf(req), req, res)
    serveRaw(handle, arrival, (settling) => {
      socket.off('end', leave)
      begin(settling, socket, head, arrival.id)
    })
  }
}

function begin(settling: Settling, socket: Duplex, head: Buffer, id: string): void {
  const { reply, meter } = settling
  if (!isTakeover(reply) || !socket.writable) {
    writeRaw(settling, socket as Socket, id)
    return
  }
  reply.takeover(socket, head, meter, openingOn(settling, socket, id)).then(
    () => settling.settle({ complete: true }),
    (error: unknown) => {
      settleBroken(settling, error)
      // A Refusal: the WebSocket never opened, and its caller was sent the refusal.
      if (error instanceof Refusal) endSoon(socket)
      else socket.destroy()
    },
  )
}

/** The destination's own answer was passed on instead of opening a WebSocket. */
export function settleDeclined(settling: Settling, status: number): void {
  settling.settle({ complete: true, status, problem: null })
}

/** `error`: what a takeover rejected with. */
export function settleBroken(settling: Settling, error: unknown): void {
  if (error instanceof Refusal) {
    const { code, status, forOperator } = error
    settling.settle({ complete: code !== 'client-closed', status, problem: code, forOperator })
  } else settling.settle({ complete: false, problem: error instanceof BrokenOff ? error.problem : null })
}

function openingOn(settling: Settling, socket: Duplex, id: string): Opening {
  const answerInstead = ({ status, reason = '', headers, body }: Answer) => {
    const content = body instanceof Uint8Array ? body : Buffer.alloc(0)
    const framed = [...headers, 'sallyport-request-id', id, 'content-length', String(content.byteLength), 'connection', 'close']
    socket.end(Buffer.concat([rawHead(status, reason, framed), content]))
  }
  return {
    accept(headers) {
      const upgraded = ['connection', 'Upgrade', 'upgrade', 'websocket', ...headers, 'sallyport-request-id', id]
      socket.write(rawHead(101, 'Switching Protocols', upgraded))
    },
    refuse: answerInstead,
    decline(answer) {
      answerInstead(answer)
      settleDeclined(settling, answer.status)
      endSoon(socket)
    },
  }
}
