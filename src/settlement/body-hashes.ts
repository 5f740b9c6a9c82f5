/** SHA-256 of both bodies of an exchange (`audit.bodyHashes`): of those alone that went to their end, since a hash of a part says nothing. */
import { createHash, hash } from 'node:crypto'
import type { Answer, PushedBody, RequestBody } from '../core/index.ts'

export class BodyHashes {
  #sent: RequestBody | null = null
  #sentHash: string | null = null
  #receivedHash: string | null = null

  /** Before anything of it is sent. Gives what is told of each chunk that is read of it, and `null` at its end. */
  watch(body: RequestBody): (chunk: Uint8Array | null) => void {
    const running = createHash('sha256')
    this.#sent = body
    return (chunk) => {
      if (chunk === null) this.#sentHash = running.digest('hex')
      else running.update(chunk)
    }
  }

  /** The same answer, whose body is hashed as it is delivered. */
  of(answer: Answer): Answer {
    const { body } = answer
    if (typeof body === 'function') return { ...answer, body: this.#pushed(body) }
    return answer
  }

  #pushed(body: PushedBody): PushedBody {
    return async (sink) => {
      const running = createHash('sha256')
      await body({
        write(chunk) {
          running.update(chunk)
          return sink.write(chunk)
        },
      })
      this.#receivedHash = running.digest('hex')
    }
  }

  /** `sentBytes`: that went there. `null`: there was no body, or not all of it was sent. */
  sent(sentBytes: number): string | null {
    const whole = this.#sent?.whole ?? null
    // It was read before it was known whether it is sent, and may have been sent more than once.
    if (whole !== null) return sentBytes === whole.byteLength ? hash('sha256', whole) : null
    return this.#sentHash
  }

  /** `answer`: that was delivered, to its last byte. */
  received(answer: Answer, receivedBytes: number): string | null {
    const { body } = answer
    if (body === null || typeof body === 'function') return this.#receivedHash
    return receivedBytes === body.byteLength ? hash('sha256', body) : null
  }
}
