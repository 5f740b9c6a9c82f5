/** Load on WebSockets: on each connection a message of 1 KB, its echo, and the next one. */
import { connect, type Socket } from 'node:net'
import type { LoadResult } from './load.ts'

export interface WebSocketLoadOptions {
  readonly port: number
  readonly path: string
  /** Header lines, each with its end. */
  readonly headers: string
  readonly connections: number
  readonly seconds: number
}

const messageBytes = 1024
/** RFC 6455 §5.2: final, binary, masked with zeros. */
const sent = Buffer.concat([Buffer.from([0x82, 0xfe, messageBytes >> 8, messageBytes & 0xff, 0, 0, 0, 0]), Buffer.alloc(messageBytes, 'x')])
/** An echo is not masked. */
const echoBytes = 4 + messageBytes

export async function webSocketLoad(options: WebSocketLoadOptions): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: options.connections }, () => open(options)))
  const until = performance.now() + options.seconds * 1000
  const taken = (await Promise.all(sockets.map((socket) => drive(socket, until)))).flat().sort((a, b) => a - b)
  for (const socket of sockets) socket.destroy()
  const at = (share: number) => taken[Math.floor(taken.length * share)] ?? Number.NaN
  return { requestsPerSecond: taken.length / options.seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures: 0 }
}

function open({ port, path, headers }: WebSocketLoadOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').once('error', reject)
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    )
    socket.once('data', (head) => {
      const text = head.toString('latin1')
      if (text.startsWith('HTTP/1.1 101 ')) resolve(socket)
      else reject(new Error(`the benchmark's handshake was answered with ${text.slice(0, 400)}`))
    })
  })
}

/** Milliseconds that each message took to come back. */
function drive(socket: Socket, until: number): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const taken: number[] = []
    let from = performance.now()
    let left = echoBytes
    socket.on('data', (chunk) => {
      left -= chunk.byteLength
      if (left > 0) return
      const now = performance.now()
      taken.push(now - from)
      if (now >= until) return resolve(taken)
      from = now
      left = echoBytes
      socket.write(sent)
    })
    socket.once('close', () => reject(new Error('the WebSocket was closed')))
    socket.write(sent)
  })
}
