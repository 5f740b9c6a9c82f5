/** A caller that asks one request after the other over one connection, and notes what it was answered. */

import { proxyHeader } from './installation.ts'
import type { Received } from './recording-clients.ts'
import { connect } from './sockets.ts'

export interface HttpDrive {
  /** The gateway's listener. */
  readonly port: number
  readonly originPort: number
  /** Whose token is sent. */
  readonly name: string
  /** Called for each whole reply; `false` ends the connection. */
  readonly onReply: (reply: Received) => boolean
}

/** What arrived to its last byte, until the connection breaks or nothing more is asked. Never rejects. */
export function driveHttp({ port, originPort, name, onReply }: HttpDrive): Promise<readonly Received[]> {
  const host = `localhost:${originPort}`
  const request = `GET http://${host}/v1/a HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader(name)}\r\n\r\n`
  return new Promise((resolve) => {
    const replies: Received[] = []
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end < 0 || received.length < end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])) return
      const reply = { status: Number(received.slice(9, 12)), id: /\r\nsallyport-request-id: (\S+)/i.exec(received)?.[1] ?? '' }
      replies.push(reply)
      received = ''
      if (onReply(reply)) socket.write(request)
      else socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(replies))
  })
}
