/** Reads the frames of one direction of a WebSocket as they pass (RFC 6455 §5.2), and holds no payload. */
import { FrameFault, protocolError } from './close.ts'

export interface Frame {
  readonly opcode: number
  /** It ends its message. */
  readonly isFinal: boolean
  /** The message is compressed (RFC 7692 §6). */
  readonly isCompressed: boolean
  readonly payloadBytes: number
}

export interface FrameRules {
  /** Frames of the caller are masked, and those of the destination are not (§5.1). */
  readonly isMasked: boolean
  /** permessage-deflate was agreed on. */
  readonly mayCompress: boolean
  /** Called with the head of each frame before its payload. What it throws ends the reading. */
  readonly onFrame: (frame: Frame) => void
  /** Follows the payload as well; `null` where nobody needs it. */
  readonly follower: PayloadFollower | null
}

export interface PayloadFollower {
  /** `mask`: the four bytes of its key; `null` where it has none. */
  began(frame: Frame, mask: Buffer | null): void
  /** As it was sent. */
  payload(frame: Frame, bytes: Buffer): void
  ended(frame: Frame): void
}

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
const known: ReadonlySet<number> = new Set(Object.values(opcodes))
/** The longest head: two bytes, eight of the length, four of the mask. */
const maxHeadBytes = 14
const maxControlBytes = 125

export function isControl({ opcode }: Pick<Frame, 'opcode'>): boolean {
  return opcode >= opcodes.close
}

/** It continues a message that another frame has begun. */
export function isContinuation({ opcode }: Pick<Frame, 'opcode'>): boolean {
  return opcode === opcodes.continuation
}

export class FrameReader {
  readonly #rules: FrameRules
  readonly #head = Buffer.alloc(maxHeadBytes)
  #headBytes = 0
  #payloadLeft = 0
  #frame: Frame | null = null
  #boundary = 0
  #isInMessage = false
  #hasClosed = false

  constructor(rules: FrameRules) {
    this.#rules = rules
  }

  /** Whether the bytes so far end with a whole frame: only there another frame may follow. */
  get isBetweenFrames(): boolean {
    return this.#headBytes === 0 && this.#payloadLeft === 0
  }

  /** Where in the last chunk its last whole message or control frame between messages ends; 0 where none does. */
  get boundary(): number {
    return this.#boundary
  }

  /** A Close frame has passed, and no more may follow in this direction (§5.5.1). */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Throws `FrameFault` on what is not a frame that may stand there, and what `onFrame` throws. */
  read(chunk: Buffer): void {
    this.#boundary = 0
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.#payloadLeft > 0) {
        const bytes = Math.min(this.#payloadLeft, chunk.byteLength - at)
        this.#rules.follower?.payload(this.#frame as Frame, chunk.subarray(at, at + bytes))
        this.#payloadLeft -= bytes
        at += bytes
        if (this.#payloadLeft === 0) this.#end(at)
      } else {
        this.#head[this.#headBytes] = chunk[at] as number
        this.#headBytes += 1
        at += 1
        if (this.#headBytes >= 2 && this.#headBytes === this.#neededBytes()) this.#begin(at)
      }
    }
  }

  #neededBytes(): number {
    const second = this.#head[1] as number
    const isMasked = second >= 0x80
    if (isMasked !== this.#rules.isMasked) throw protocolError(isMasked ? 'a frame is masked' : 'a frame is not masked')
    const length = second & 0x7f
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (isMasked ? 4 : 0)
  }

  #begin(at: number): void {
    const first = this.#head[0] as number
    const frame = {
      opcode: first & 0x0f,
      isFinal: first >= 0x80,
      isCompressed: (first & 0x40) !== 0,
      payloadBytes: this.#payloadBytes(),
    }
    if ((first & 0x30) !== 0) throw protocolError('a reserved bit is set')
    this.#require(frame)
    const headBytes = this.#headBytes
    this.#headBytes = 0
    this.#payloadLeft = frame.payloadBytes
    this.#hasClosed = frame.opcode === opcodes.close
    if (!isControl(frame)) this.#isInMessage = !frame.isFinal
    this.#frame = frame
    this.#rules.onFrame(frame)
    this.#rules.follower?.began(frame, this.#rules.isMasked ? Buffer.from(this.#head.subarray(headBytes - 4, headBytes)) : null)
    if (frame.payloadBytes === 0) this.#end(at)
  }

  #end(at: number): void {
    this.#rules.follower?.ended(this.#frame as Frame)
    if (!this.#isInMessage) this.#boundary = at
  }

  /** §5.2: in the fewest bytes that hold it. */
  #payloadBytes(): number {
    const length = (this.#head[1] as number) & 0x7f
    if (length < 126) return length
    const given = length === 126 ? this.#head.readUInt16BE(2) : Number(this.#head.readBigUInt64BE(2))
    if (given < (length === 126 ? 126 : 0x1_0000)) throw protocolError('a length is written in more bytes than it needs')
    if (!Number.isSafeInteger(given)) throw new FrameFault(1009, 'a frame is longer than any message may be')
    return given
  }

  #require(frame: Frame): void {
    if (this.#hasClosed) throw protocolError('a frame follows a Close frame')
    if (!known.has(frame.opcode)) throw protocolError('an opcode is unknown')
    if (isControl(frame)) {
      if (!frame.isFinal || frame.payloadBytes > maxControlBytes) throw protocolError('a control frame is fragmented or too long')
      if (frame.isCompressed) throw protocolError('a control frame is compressed')
      if (frame.opcode === opcodes.close && frame.payloadBytes === 1) throw protocolError('a Close frame has half a code')
      return
    }
    if (isContinuation(frame) !== this.#isInMessage)
      throw protocolError(this.#isInMessage ? 'a message begins within another' : 'a continuation without a beginning')
    // RFC 7692 §6.1: only the first frame of a message says it.
    if (frame.isCompressed && (isContinuation(frame) || !this.#rules.mayCompress))
      throw protocolError('a frame is compressed, and that was not agreed on')
  }
}
