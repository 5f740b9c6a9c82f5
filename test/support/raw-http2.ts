/** HTTP/2 byte by byte (RFC 9113), for what no library would send: frames and heads are written as they are given. */
import type { Duplex } from 'node:stream'

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const endStream = 1
export const endHeaders = 4
const acknowledged = 1

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.byteLength, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId >>> 0, 5)
  return Buffer.concat([head, payload])
}

/** Fields as literals without indexing (RFC 7541 §6.2.2), in Latin-1 and as they are: with a name that is no name, in any order. */
export function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([prefixed(bytes.byteLength), bytes])
}

/** RFC 7541 §5.1, with a prefix of seven bits. */
function prefixed(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** A window's worth, so that no reply of a test waits. */
export const openWindow = frame(frameTypes.windowUpdate, 0, 0, Buffer.from([0x3f, 0, 0, 0]))
/** What a client says first. */
export const opening = Buffer.concat([preface, frame(frameTypes.settings, 0, 0), openWindow])

export interface RawSession {
  /** Resolves once the stream's reply has ended, the stream was reset, or the connection is over. */
  ended(streamId: number): Promise<void>
  /** What came as the content of its reply so far. */
  contentOf(streamId: number): string
  readonly isOver: boolean
}

/** Reads what a server sends on a connection, answers its SETTINGS and PING, and keeps the content of its replies; their heads it does not read. */
export function watchSession(socket: Duplex): RawSession {
  const ended = new Set<number>()
  const waiting = new Map<number, () => void>()
  const contents = new Map<number, string>()
  let isOver = false
  let rest = Buffer.alloc(0)
  const end = (streamId: number) => {
    ended.add(streamId)
    waiting.get(streamId)?.()
  }
  const over = () => {
    isOver = true
    for (const resolve of waiting.values()) resolve()
  }
  const take = (type: number, flags: number, streamId: number, payload: Buffer) => {
    if (type === frameTypes.data) contents.set(streamId, (contents.get(streamId) ?? '') + payload.toString('latin1'))
    const isAcknowledged = (flags & acknowledged) !== 0
    if (type === frameTypes.settings && !isAcknowledged) socket.write(frame(frameTypes.settings, acknowledged, 0))
    else if (type === frameTypes.ping && !isAcknowledged) socket.write(frame(frameTypes.ping, acknowledged, 0, payload))
    else if (type === frameTypes.goaway) over()
    else if (type === frameTypes.rstStream) end(streamId)
    else if ((type === frameTypes.data || type === frameTypes.headers) && (flags & endStream) !== 0) end(streamId)
  }
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.byteLength >= 9 && rest.byteLength >= 9 + rest.readUIntBE(0, 3)) {
      const to = 9 + rest.readUIntBE(0, 3)
      take(rest[3] as number, rest[4] as number, rest.readUInt32BE(5), rest.subarray(9, to))
      rest = rest.subarray(to)
    }
  })
  socket.on('error', over).on('close', over).on('end', over)
  return {
    ended: (streamId) => (isOver || ended.has(streamId) ? Promise.resolve() : new Promise((resolve) => waiting.set(streamId, resolve))),
    contentOf: (streamId) => contents.get(streamId) ?? '',
    get isOver() {
      return isOver
    },
  }
}
