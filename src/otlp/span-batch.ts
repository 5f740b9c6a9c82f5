/** Spans of many requests in one buffer, outside of V8's heap: as texts that wait there, they would cost its collector more than everything else that is done for them. */

const batchBytes = 512 * 1024
/** Of UTF-8, for a UTF-16 code unit. */
const maxBytesPerCharacter = 3
const comma = 0x2c

export class SpanBatch {
  /** How many have their spans in it. */
  requests = 0
  /** Integration → characters. */
  readonly owners = new Map<string, number>()
  readonly #buffer: Buffer
  #length = 0

  /** For a text of this length at least. */
  constructor(characters: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(batchBytes, bytesFor(characters)))
  }

  /** Answers whether it had room. */
  add(owner: string, text: string): boolean {
    if (this.#buffer.byteLength - this.#length < bytesFor(text.length)) return false
    if (this.requests > 0) {
      this.#buffer[this.#length] = comma
      this.#length += 1
    }
    this.#length += this.#buffer.write(text, this.#length)
    this.requests += 1
    this.owners.set(owner, (this.owners.get(owner) ?? 0) + text.length)
    return true
  }

  /** With commas between them. */
  get content(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

function bytesFor(characters: number): number {
  return maxBytesPerCharacter * characters + 1
}
