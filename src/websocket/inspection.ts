/** Holds the frames of one direction back until each message in them has been looked at, inflated where it is compressed (RFC 7692). */
import { createInflateRaw, type InflateRaw } from 'node:zlib'
import { FrameFault, protocolError } from './close.ts'
import { type Frame, isContinuation, isControl } from './frames.ts'

export interface WebSocketMessage {
  readonly from: 'caller' | 'destination'
  readonly isText: boolean
  /** Whole, unmasked and inflated. */
  readonly content: Buffer
}

/** Called with each message, in order, before a byte of it passes. What it throws closes the WebSocket, with 1008 and no word of it; where it does not answer, 1011 does. */
export type InspectMessage = (message: WebSocketMessage) => Promise<void> | void

/** What was agreed on of permessage-deflate for one direction. */
export interface Deflate {
  readonly windowBits: number
  /** Each message is compressed by itself. */
  readonly isReset: boolean
}

export interface InspectionOptions {
  readonly from: WebSocketMessage['from']
  readonly inspect: InspectMessage
  /** Of an inflated message as well. */
  readonly maxMessageBytes: number
  /** Each message has to be looked at within this time: a connection whose messages wait is not idle, and would be held for ever. */
  readonly idleTimeoutMs: number
  /** `null`: nothing is compressed. */
  readonly deflate: Deflate | null
}

interface Waiting {
  readonly isText: boolean
  readonly isCompressed: boolean
  readonly content: Buffer
}

const spareBytes = 64 * 1024
/** RFC 7692 §7.2.2: what the sender leaves out. */
const tail = Buffer.from([0, 0, 0xff, 0xff])

export class Inspection {
  readonly #options: InspectionOptions
  #first: Frame | null = null
  #parts: Buffer[] = []
  #mask: Buffer | null = null
  #masked = 0
  #waiting: Waiting[] = []
  #held: Buffer[] = []
  #heldBytes = 0
  #inflater: InflateRaw | null = null
  #deadline: NodeJS.Timeout | undefined

  constructor(options: InspectionOptions) {
    this.#options = options
  }

  /** `mask`: the four bytes of its key; `null` where it has none. */
  began(frame: Frame, mask: Buffer | null): void {
    this.#mask = mask
    this.#masked = 0
    if (!isControl(frame) && !isContinuation(frame)) this.#first = frame
  }

  payload(frame: Frame, bytes: Buffer): void {
    if (isControl(frame)) return
    const plain = Buffer.from(bytes)
    const mask = this.#mask
    if (mask !== null)
      for (let i = 0; i < plain.byteLength; i += 1) plain[i] = (plain[i] as number) ^ (mask[(this.#masked + i) % 4] as number)
    this.#masked += bytes.byteLength
    this.#parts.push(plain)
  }

  ended(frame: Frame): void {
    if (isControl(frame) || !frame.isFinal) return
    const { opcode, isCompressed } = this.#first as Frame
    this.#waiting.push({ isText: opcode === 1, isCompressed, content: Buffer.concat(this.#parts) })
    this.#parts = []
  }

  /** What may pass now: up to the end of the last whole message. `boundary`: where that is in the chunk; 0 where none ends in it. */
  async release(chunk: Buffer, boundary: number): Promise<Buffer> {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { isText, isCompressed, content } of waiting) await this.#look(isText, isCompressed ? await this.#inflate(content) : content)
    if (boundary === 0) {
      this.#hold(chunk)
      return Buffer.alloc(0)
    }
    const passed = Buffer.concat([...this.#held, chunk.subarray(0, boundary)])
    this.#held = []
    this.#heldBytes = 0
    if (boundary < chunk.byteLength) this.#hold(chunk.subarray(boundary))
    return passed
  }

  close(): void {
    clearTimeout(this.#deadline)
    this.#inflater?.close()
  }

  /** Costs the same however much is held: a message may come in as many pieces as it has bytes. */
  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.byteLength
    // Heads, and what stands between fragments, are held as well.
    if (this.#heldBytes > 2 * this.#options.maxMessageBytes + spareBytes)
      throw new FrameFault(1009, 'too much comes before the end of a message')
  }

  async #look(isText: boolean, content: Buffer): Promise<void> {
    const { from, inspect, idleTimeoutMs } = this.#options
    const late = Promise.withResolvers<never>()
    this.#deadline = setTimeout(() => late.reject(new FrameFault(1011, 'a message was not looked at in time')), idleTimeoutMs)
    try {
      await Promise.race([inspect({ from, isText, content }), late.promise])
    } catch (error) {
      throw error instanceof FrameFault ? error : new FrameFault(1008, 'a message is not allowed', { cause: error })
    } finally {
      clearTimeout(this.#deadline)
    }
  }

  #inflate(content: Buffer): Promise<Buffer> {
    const { deflate, maxMessageBytes } = this.#options
    const { windowBits, isReset } = deflate as Deflate
    const inflater = this.#inflater ?? createInflateRaw({ windowBits }).on('error', () => {})
    this.#inflater = isReset ? null : inflater
    const readBefore = inflater.bytesWritten
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = []
      let bytes = 0
      let hasEnded = false
      const settle = (error: Error | null) => {
        inflater.off('data', keep).off('error', broken).off('end', ended)
        // An inflater that has come to an end reads nothing of the messages behind it.
        if (hasEnded) this.#inflater = null
        if (isReset || hasEnded || error !== null) inflater.close()
        if (error === null) resolve(Buffer.concat(parts))
        else reject(error)
      }
      const broken = () => settle(protocolError('a message cannot be inflated'))
      const ended = () => {
        hasEnded = true
      }
      function keep(part: Buffer): void {
        bytes += part.byteLength
        parts.push(part)
        if (bytes > maxMessageBytes) settle(new FrameFault(1009, `a message is larger than ${maxMessageBytes} bytes, inflated`))
      }
      inflater.on('data', keep).on('error', broken).on('end', ended)
      inflater.write(content)
      inflater.write(tail)
      inflater.flush(() => {
        if (bytes > maxMessageBytes) return
        const rest = content.subarray(inflater.bytesWritten - readBefore)
        settle(hasEnded && !isEmptyBlock(rest) ? protocolError('a message goes on behind its last block') : null)
      })
    })
  }
}

/** All that a sender puts behind a block that says it is the last one (RFC 7692 §7.2.3.4): whether more is read differs between receivers. */
function isEmptyBlock(rest: Buffer): boolean {
  return rest.byteLength === 0 || (rest.byteLength === 1 && rest[0] === 0)
}
