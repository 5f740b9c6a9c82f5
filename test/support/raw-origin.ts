/** An origin that is no HTTP library: it keeps the bytes of each request as they came, and answers with the bytes that a test gives it. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer } from './sockets.ts'

export interface RawRequest {
  readonly line: string
  /** As on the wire: `Name: value`, in order. */
  readonly headers: readonly string[]
  /** As framed on the wire; cut short where the sender broke off. */
  body: Buffer
  complete: boolean
}

export interface RawOrigin {
  readonly port: number
  readonly requests: RawRequest[]
  readonly sockets: Socket[]
  connections(): number
}

/** `answer` is called once for each whole request; with `early`, as soon as its head is there. */
export async function startRawOrigin(
  t: TestContext,
  answer: (request: RawRequest, socket: Socket) => void = (_request, socket) =>
    void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
  { early = false } = {},
): Promise<RawOrigin> {
  const requests: RawRequest[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    let pending = Buffer.alloc(0)
    let current: RawRequest | null = null
    const finish = (request: RawRequest) => {
      request.complete = true
      current = null
      if (!early) answer(request, socket)
    }
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        if (current === null) {
          const end = pending.indexOf('\r\n\r\n')
          if (end < 0) return
          const [line = '', ...headers] = pending.subarray(0, end).toString('latin1').split('\r\n')
          pending = pending.subarray(end + 4)
          current = { line, headers, body: Buffer.alloc(0), complete: false }
          requests.push(current)
          if (early) answer(current, socket)
        }
        const wanted = bodyEnd(current, pending)
        current.body = pending.subarray(0, wanted ?? pending.byteLength)
        if (wanted === null) return
        pending = pending.subarray(wanted)
        finish(current)
        if (pending.byteLength === 0) return
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, requests, sockets, connections: () => sockets.length }
}

/** Where the body ends in these bytes; `null` where it does not yet. */
function bodyEnd({ headers }: RawRequest, bytes: Buffer): number | null {
  const length = headerOf(headers, 'content-length')[0]
  if (length !== undefined) return bytes.byteLength >= Number(length) ? Number(length) : null
  if (headerOf(headers, 'transfer-encoding').length === 0) return 0
  // Chunk by chunk: what a body holds may look like its end. Trailers may follow the last chunk (RFC 9112 §7.1.2).
  const text = bytes.toString('latin1')
  for (let at = 0; ; ) {
    const size = text.indexOf('\r\n', at)
    if (size < 0) return null
    const length = Number.parseInt(text.slice(at, size), 16)
    if (length > 0) at = size + 2 + length + 2
    else {
      const end = /^(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(size + 2))
      return end === null ? null : size + 2 + end[0].length
    }
    if (at > text.length) return null
  }
}

/** Every value of a header, in order. */
export function headerOf(headers: readonly string[], lowerName: string): readonly string[] {
  return headers.flatMap((line) => {
    const colon = line.indexOf(':')
    return line.slice(0, colon).toLowerCase() === lowerName ? [line.slice(colon + 1).trim()] : []
  })
}
