/** WebSockets by hand: the head that asks for one, the answer that opens it, and frames (RFC 6455 §5.2). */

/** The key of RFC 6455 §1.3. */
const key = 'dGhlIHNhbXBsZSBub25jZQ=='

export const upgradeHeaders = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`

/** What an origin answers `upgradeHeaders` with; `more`: further lines, each with its line end. */
export function opened(more = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n${more}\r\n`
}

export interface FrameOptions {
  /** A caller's are; the mask is zero, so that the payload can be read. */
  readonly isMasked?: boolean
  readonly opcode?: number
  readonly isFinal?: boolean
  /** The three reserved bits, 4 for compression. */
  readonly reserved?: number
  /** In place of the payload's length. */
  readonly bytes?: number | bigint
}

export function frame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const content = Buffer.from(payload as string, 'latin1')
  const { isMasked = false, opcode = 2, isFinal = true, reserved = 0, bytes = content.byteLength } = options
  return Buffer.concat([
    Buffer.from([(isFinal ? 0x80 : 0) | (reserved << 4) | opcode]),
    lengthOf(bytes, isMasked ? 0x80 : 0),
    Buffer.alloc(isMasked ? 4 : 0),
    content,
  ])
}

export const callersFrame = (payload: string | Buffer, options: FrameOptions = {}) => frame(payload, { isMasked: true, ...options })

function lengthOf(bytes: number | bigint, mask: number): Buffer {
  if (bytes < 126) return Buffer.from([mask | Number(bytes)])
  const length = Buffer.alloc(bytes < 0x1_0000 ? 2 : 8)
  if (length.byteLength === 2) length.writeUInt16BE(Number(bytes))
  else length.writeBigUInt64BE(BigInt(bytes))
  return Buffer.concat([Buffer.from([mask | (length.byteLength === 2 ? 126 : 127)]), length])
}

/** Frames of exactly so many bytes, head included; at least 200. */
export function framesOf(bytes: number, character: string, isMasked: boolean): string {
  const head = (bytes <= 0xffff ? 4 : 10) + (isMasked ? 4 : 0)
  return frame(character.repeat(bytes - head), { isMasked }).toString('latin1')
}

/** The head of a frame that goes on for longer than any test: whatever follows is its payload. */
export const endless = { caller: frame('', { isMasked: true, bytes: 2 ** 40 }), origin: frame('', { bytes: 2 ** 40 }) }
/** For the gateway in front of it. */
export const allowsEndless = 'websockets: { maxMessage: 8192GiB }'

/** Whole frames of one end, unmasked, without those of more than 64 KiB; what follows the last of them is `rest`. */
export function framesIn(bytes: Buffer): {
  readonly frames: readonly { readonly opcode: number; readonly payload: Buffer }[]
  readonly rest: Buffer
} {
  const frames: { opcode: number; payload: Buffer }[] = []
  for (let at = 0; ; ) {
    const [first, second] = bytes.subarray(at)
    if (first === undefined || second === undefined) return { frames, rest: bytes.subarray(at) }
    const isLong = (second & 0x7f) === 126
    const maskAt = at + (isLong ? 4 : 2)
    const begin = maskAt + (second >= 0x80 ? 4 : 0)
    const end = begin + (isLong ? bytes.readUInt16BE(at + 2) : second & 0x7f)
    if (end > bytes.byteLength) return { frames, rest: bytes.subarray(at) }
    const mask = bytes.subarray(maskAt, begin)
    frames.push({ opcode: first & 0x0f, payload: bytes.subarray(begin, end).map((byte, index) => byte ^ (mask[index % 4] ?? 0)) as Buffer })
    at = end
  }
}

/** Of the Close frame that is the last of these frames, with nothing behind it: its code and its reason. */
export function closeIn(bytes: Buffer): readonly [code: number, reason: string] | null {
  const { frames, rest } = framesIn(bytes)
  const last = frames.at(-1)
  return last?.opcode === 8 && rest.byteLength === 0 ? [last.payload.readUInt16BE(0), last.payload.toString('utf8', 2)] : null
}
