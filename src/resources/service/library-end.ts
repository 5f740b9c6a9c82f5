/** Stands in for the caller's socket of an upgrade towards http-proxy-middleware: frames pass through it, the library's own head does not. */
import { Duplex } from 'node:stream'

export interface Frames {
  /** The library wants to read more. */
  onPull(): void
  /** Bytes of the service. Call `done` once more may come. */
  onFrames(chunk: Buffer, done: () => void): void
  /** The service has ended its side. */
  onEnd(): void
}

const endOfHead = Buffer.from('\r\n\r\n')

export class LibraryEnd extends Duplex {
  readonly #frames: Frames
  /** The head that the library writes first, until it has ended. */
  #head: Buffer | null = Buffer.alloc(0)

  constructor(frames: Frames) {
    super()
    this.#frames = frames
    this.on('error', () => {})
  }

  override _read(): void {
    this.#frames.onPull()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const frames = this.#head === null ? chunk : this.#behindHead(this.#head, chunk)
    if (frames.byteLength === 0) done()
    else this.#frames.onFrames(frames, done)
  }

  override _final(done: () => void): void {
    this.#frames.onEnd()
    done()
  }

  // Setters of a socket that the library calls.
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  #behindHead(head: Buffer, chunk: Buffer): Buffer {
    const all = Buffer.concat([head, chunk])
    const end = all.indexOf(endOfHead)
    this.#head = end < 0 ? all : null
    return end < 0 ? Buffer.alloc(0) : all.subarray(end + endOfHead.byteLength)
  }
}
