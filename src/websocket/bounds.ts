/** What a WebSocket may carry: whole frames, messages up to a size, and so many of them a second. */
import type { Obligations } from '../core/index.ts'
import { FrameFault } from './close.ts'
import { type Frame, FrameReader, isContinuation, isControl } from './frames.ts'
import type { Inspection } from './inspection.ts'

export interface MessageBounds {
  /** As it is sent: of a compressed message, its compressed bytes. */
  readonly maxMessageBytes: number
  /** Each direction by itself; the bucket holds those of one second. Beyond it messages are delayed. */
  readonly messagesPerSecond: number
}

export interface WebSocketBounds extends MessageBounds {
  /** If neither end sends a byte for so long, both are closed. */
  readonly idleTimeoutMs: number
}

/** Those of the decision where it sets any. */
export function boundsOf({ maxMessageBytes, messagesPerSecond }: Obligations, defaults: WebSocketBounds): WebSocketBounds {
  return {
    ...defaults,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    ...(messagesPerSecond !== undefined && { messagesPerSecond }),
  }
}

export interface DirectionOptions extends MessageBounds {
  readonly isMasked: boolean
  readonly mayCompress: boolean
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** `null`: nothing looks at the messages. */
  readonly inspection: Inspection | null
}

export class Direction {
  /** Messages so far. */
  messages = 0
  readonly #options: DirectionOptions
  readonly #reader: FrameReader
  #messageBytes = 0
  #tokens: number
  #filledAt: number
  /** What held before the chunk that must not pass. */
  #mayFollow: boolean | null = null

  constructor(options: DirectionOptions) {
    this.#options = options
    const { isMasked, mayCompress, messagesPerSecond, now, inspection } = options
    this.#reader = new FrameReader({ isMasked, mayCompress, onFrame: (frame) => this.#count(frame), follower: inspection })
    this.#tokens = messagesPerSecond
    this.#filledAt = now()
  }

  /** Whether a frame of the gateway's own may follow what has passed. */
  get mayFollow(): boolean {
    // What is looked at passes in whole frames only.
    if (this.#options.inspection !== null) return !this.#reader.hasClosed
    return this.#mayFollow ?? (this.#reader.isBetweenFrames && !this.#reader.hasClosed)
  }

  /** For how many milliseconds the chunk must wait before it passes. Throws `FrameFault`: the chunk must not pass. */
  check(chunk: Buffer): number {
    const { mayFollow } = this
    const before = this.#tokens
    try {
      this.#reader.read(chunk)
    } catch (error) {
      this.#mayFollow = mayFollow
      throw error
    }
    if (this.#tokens >= 0 || this.#tokens === before) return 0
    this.#fill()
    return Math.max(0, (-this.#tokens / this.#options.messagesPerSecond) * 1000)
  }

  /** `null`: the chunk may pass as it is. Otherwise, once it is looked at, what may pass by then; rejects with `FrameFault`. */
  released(chunk: Buffer): Promise<Buffer> | null {
    return this.#options.inspection?.release(chunk, this.#reader.boundary) ?? null
  }

  /** Frees what it holds. */
  close(): void {
    this.#options.inspection?.close()
  }

  #count(frame: Frame): void {
    if (isControl(frame)) {
      this.#take()
      return
    }
    if (isContinuation(frame)) {
      // Fragments without content cost as much as messages.
      if (frame.payloadBytes === 0 && !frame.isFinal) this.#take()
    } else {
      this.messages += 1
      this.#messageBytes = 0
      this.#take()
    }
    this.#messageBytes += frame.payloadBytes
    const { maxMessageBytes } = this.#options
    if (this.#messageBytes > maxMessageBytes) throw new FrameFault(1009, `a message is larger than ${maxMessageBytes} bytes`)
  }

  #take(): void {
    if (this.#tokens < 1) this.#fill()
    this.#tokens -= 1
  }

  #fill(): void {
    const { messagesPerSecond, now } = this.#options
    const at = now()
    this.#tokens = Math.min(messagesPerSecond, this.#tokens + ((at - this.#filledAt) / 1000) * messagesPerSecond)
    this.#filledAt = at
  }
}
