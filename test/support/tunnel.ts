/** Bytes through an intercepted tunnel, as they are. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type Installation, proxyHeader } from './installation.ts'

export interface Inside {
  readonly proxyPort: number
  /** Of the CONNECT. */
  readonly host?: string
  readonly port: number
  /** The name that the handshake asks for. */
  readonly servername?: string
}

/** Sends bytes inside the interception and gives all that comes back until it closes; rejects where the handshake fails. */
export function exchangeInside({ folder }: Installation, to: Inside, bytes: string): Promise<string> {
  const { proxyPort, host = 'localhost', port, servername = 'localhost' } = to
  const authority = `${host}:${port}`
  return new Promise((resolve, reject) => {
    const socket = connect(proxyPort, '127.0.0.1').on('error', reject)
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
    socket.once('data', (head) => {
      if (!head.toString('latin1').startsWith('HTTP/1.1 200 ')) {
        socket.destroy()
        reject(new Error(head.toString('latin1')))
        return
      }
      const ca = readFileSync(join(folder, 'state/ca/ca.crt'))
      const secure = connectTls({ socket, servername, ca, ALPNProtocols: ['http/1.1'] }, () => secure.write(Buffer.from(bytes, 'latin1')))
      let text = ''
      secure.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      secure.on('error', reject)
      secure.on('close', () => resolve(text))
    })
  })
}
