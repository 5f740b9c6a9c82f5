/** HTTP/2 frame by frame (RFC 9113 §4.1), for what no library sends. */
import type { Duplex } from 'node:stream'

/** RFC 9113 §6. */
export const frameTypes = {
  ...{ data: 0, headers: 1, priority: 2, rstStream: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 },
} as const
export const endStream = 1
export const ack = 1
export const endHeaders = 4

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(type: keyof typeof frameTypes | number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(bytes.byteLength, 0, 3)
  head.writeUInt8(typeof type === 'number' ? type : frameTypes[type], 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Of SETTINGS: an identifier and its value. */
export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([id >> 8, id & 0xff]), uint32(value)])
}

/** Literals that are not indexed, nor Huffman-coded (RFC 7541 §6.2.2). */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** RFC 7541 §5.2. */
export function text(value: string): Buffer {
  return Buffer.concat([integer(value.length, 7), Buffer.from(value, 'latin1')])
}

/** RFC 7541 §5.1; `pattern`: the bits in front of the prefix. */
export function integer(value: number, prefixBits: number, pattern = 0): Buffer {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.from([pattern | value])
  const bytes = [pattern | most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

export interface RawHttp2 {
  /** What has come so far. */
  readonly frames: readonly Frame[]
  readonly isOpen: boolean
  readonly closed: Promise<void>
  send(...frames: readonly Buffer[]): void
  /** Sends until the other side has ended the connection; waits where it takes no more. Resolves with how many were sent. */
  flood(next: (round: number) => Buffer): Promise<number>
  destroy(): void
}

/** RFC 9113 §3.4. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Begins the connection: the preface and SETTINGS. It acknowledges nothing. */
export function beginHttp2(socket: Duplex, settings: Buffer = Buffer.alloc(0)): RawHttp2 {
  const raw = readHttp2(socket)
  raw.send(preface, frame('settings', 0, 0, settings))
  return raw
}

/** Without a beginning. */
export function readHttp2(socket: Duplex): RawHttp2 {
  const frames: Frame[] = []
  let rest = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let end = endOf(rest); end > 0 && end <= rest.length; end = endOf(rest)) {
      frames.push(read(rest.subarray(0, end)))
      rest = rest.subarray(end)
    }
  })
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  return {
    frames,
    get isOpen() {
      return !socket.destroyed
    },
    closed,
    send: (...given) => void socket.write(Buffer.concat(given)),
    flood: (next) => floodWith(socket, next),
    destroy: () => void socket.destroy(),
  }
}

/** As `RawHttp2.flood`, on either side of a connection. */
export async function floodWith(socket: Duplex, next: (round: number) => Buffer): Promise<number> {
  const closed = new Promise((resolve) => void socket.once('close', resolve))
  let round = 0
  for (; !socket.destroyed; round += 1)
    if (!socket.write(next(round))) await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))])
  return round
}

function endOf(bytes: Buffer): number {
  return bytes.length < 9 ? 0 : 9 + bytes.readUIntBE(0, 3)
}

function read(bytes: Buffer): Frame {
  return { type: bytes.readUInt8(3), flags: bytes.readUInt8(4), stream: bytes.readUInt32BE(5), payload: bytes.subarray(9) }
}
