/** Stands in for the caller towards what writes and reads the destination's side of a WebSocket. */
import { Duplex } from 'node:stream'

export interface Frames {
  /** More of the caller's bytes are wanted. */
  onPull(): void
  /** Bytes of the destination. Call `done` once more may come. */
  onFrames(chunk: Buffer, done: () => void): void
  /** The destination has ended its side. */
  onEnd(): void
}

export class FrameStream extends Duplex {
  readonly #frames: Frames

  constructor(frames: Frames) {
    super()
    this.#frames = frames
    this.on('error', () => {})
  }

  override _read(): void {
    this.#frames.onPull()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#frames.onFrames(chunk, done)
  }

  override _final(done: () => void): void {
    this.#frames.onEnd()
    done()
  }
}
