/** A caller's body that is sent again where an origin turns out to speak another version of HTTP: what was read of it is kept until it has a connection. */
import type { HeaderList, RequestBody } from '../../core/index.ts'

export class RepeatableBody implements RequestBody {
  readonly #body: RequestBody
  #kept: Uint8Array[] = []
  #source: AsyncIterator<Uint8Array> | null = null
  #pulling: Promise<boolean> | null = null
  #isKept = true
  #readers = 0

  constructor(body: RequestBody) {
    this.#body = body
  }

  get declaredBytes(): number | null {
    return this.#body.declaredBytes
  }

  get whole(): Buffer | null {
    return this.#body.whole
  }

  /** Whether it can be sent from its beginning. */
  get canRepeat(): boolean {
    return this.#isKept || this.whole !== null
  }

  arrived(): Promise<boolean> {
    return this.#body.arrived()
  }

  watch(...watching: Parameters<RequestBody['watch']>): void {
    this.#body.watch(...watching)
  }

  trailers(): HeaderList {
    return this.#body.trailers?.() ?? []
  }

  count(bytes: number): ReturnType<RequestBody['count']> {
    return this.#body.count(bytes)
  }

  /** It is being sent now, and is not needed again. */
  release(): void {
    this.#isKept = false
  }

  /** Ends the reading that has failed: what it still waits for is for the next one, which is the last. */
  again(): void {
    this.#isKept = false
    this.#readers += 1
  }

  /** It is not sent again: the rest is discarded. */
  async leave(): Promise<void> {
    await this.#source?.return?.()
  }

  /** Each reading begins at the beginning, and ends the one before it; the caller's bytes are counted once. */
  async *chunks(maxBytes: number): AsyncGenerator<Uint8Array> {
    if (this.whole !== null) {
      yield* this.#body.chunks(maxBytes)
      return
    }
    this.#source ??= this.#body.chunks(maxBytes)[Symbol.asyncIterator]()
    this.#readers += 1
    const reader = this.#readers
    try {
      for (let next = 0; next < this.#kept.length || (await this.#pull(this.#source)); ) {
        // It has given up while it waited, and the chunk is another's.
        if (reader !== this.#readers) return
        const chunk = this.#kept[next] as Uint8Array
        if (this.#isKept) next += 1
        else {
          this.#kept.splice(0, next + 1)
          next = 0
        }
        yield chunk
      }
    } finally {
      if (!this.#isKept && reader === this.#readers) await this.leave()
    }
  }

  /** `false` at its end. A reading that has been given up may still wait for the same chunk. */
  #pull(source: AsyncIterator<Uint8Array>): Promise<boolean> {
    this.#pulling ??= source.next().then(({ done, value }) => {
      this.#pulling = null
      if (done === true) return false
      this.#kept.push(value)
      return true
    })
    return this.#pulling
  }
}
