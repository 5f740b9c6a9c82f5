/** Stands in for the caller's socket of an upgrade towards http-proxy-middleware: frames pass through it, the library's own head does not. */
import { FrameStream } from '../../websocket/index.ts'

const endOfHead = Buffer.from('\r\n\r\n')

export class LibraryEnd extends FrameStream {
  /** The head that the library writes first, until it has ended. */
  #head: Buffer | null = Buffer.alloc(0)

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    const frames = this.#head === null ? chunk : this.#behindHead(this.#head, chunk)
    if (frames.byteLength === 0) done()
    else super._write(frames, encoding, done)
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
