/** Masks known secrets in a body as it passes: what might be the beginning of a secret is held back until that is known. */
import type { Body, PushedBody, Sink } from '../core/index.ts'
import { maskEncodings, maskInPlace } from './known-secrets.ts'

/**
 * Bytes are treated as Latin-1 characters, so every byte that is not part of a secret comes out as it went in.
 * `known` is spelled so, as `encodingsOnWire` gives it. `inPlace`: the body stays as long as it is.
 */
export function maskBody(body: Body, known: readonly string[], inPlace: boolean): Body {
  if (body === null || known.length === 0) return body
  if (typeof body === 'function') return maskPushed(body, known, inPlace)
  return Buffer.from(maskEncodings(Buffer.from(body).toString('latin1'), known, inPlace ? maskInPlace : undefined), 'latin1')
}

function maskPushed(body: PushedBody, known: readonly string[], inPlace: boolean): PushedBody {
  return async (sink) => {
    const masker = new Masker(known, inPlace)
    const through: Sink = {
      write(chunk) {
        const ready = masker.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1'))
        return ready === '' ? true : sink.write(Buffer.from(ready, 'latin1'))
      },
    }
    await body(through)
    const rest = masker.end()
    if (rest !== '') await sink.write(Buffer.from(rest, 'latin1'))
  }
}

/** Whatever the cuts between chunks, the output is that of the whole. */
export class Masker {
  readonly #known: readonly string[]
  readonly #maskOf: ((encoding: string) => string) | undefined
  #held = ''

  /** `inPlace`: what comes out is as long as what went in. */
  constructor(known: readonly string[], inPlace = false) {
    this.#known = known
    this.#maskOf = inPlace ? maskInPlace : undefined
  }

  /** What is certain to be no part of a secret that is still coming, masked. */
  add(chunk: string): string {
    this.#held += chunk
    // No more is held than could be a secret's beginning: an event stream must not wait for its next event.
    let safe = this.#held.length - Math.max(0, ...this.#known.map((secret) => beginningAtEnd(this.#held, secret)))
    // A secret across the line is let through whole, masked.
    for (let moved = true; moved; ) {
      moved = false
      for (const secret of this.#known) {
        const from = Math.max(0, safe - secret.length + 1)
        const at = this.#held.slice(from, safe + secret.length - 1).lastIndexOf(secret)
        if (safe > 0 && at >= 0) {
          safe = from + at + secret.length
          moved = true
        }
      }
    }
    const ready = maskEncodings(this.#held.slice(0, safe), this.#known, this.#maskOf)
    this.#held = this.#held.slice(safe)
    return ready
  }

  end(): string {
    const rest = maskEncodings(this.#held, this.#known, this.#maskOf)
    this.#held = ''
    return rest
  }
}

/** How many characters at the end of `text` could be the beginning of `secret`, and are not all of it. */
function beginningAtEnd(text: string, secret: string): number {
  const first = secret.charAt(0)
  for (let at = text.indexOf(first, Math.max(0, text.length - secret.length + 1)); at >= 0; at = text.indexOf(first, at + 1))
    if (secret.startsWith(text.slice(at))) return text.length - at
  return 0
}
