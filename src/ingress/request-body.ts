/** A caller's body: streamed with a cap and a count, or buffered if the policy looks at it. A rest that is not wanted is read and discarded. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type HeaderList, type JudgedBody, type Meter, Refusal, type Slowed } from '../core/index.ts'
import { soleHeader } from './headers.ts'
import { expectsContinue } from './supported-heads.ts'
import { forwardableTrailers } from './trailers.ts'

/**
 * `null` if the request has no body (RFC 9112 §6.3).
 * Throws `Refusal`: malformed-request on contradictory framing, payload-too-large.
 */
export function createRequestBody(req: IncomingMessage, res: ServerResponse): StreamedBody | null {
  const length = soleHeader(req.rawHeaders, 'content-length')
  const coding = soleHeader(req.rawHeaders, 'transfer-encoding')
  // Node's strict parser refuses most of these; that bodies are not smuggled must not depend on one parser (RFC 9112 §6.1).
  if (length !== null && coding !== null) throw new Refusal('malformed-request', 'Content-Length and Transfer-Encoding stand together')
  if (coding !== null && coding.toLowerCase() !== 'chunked')
    throw new Refusal('malformed-request', 'the only transfer coding understood is chunked')
  if (length !== null && !/^\d{1,15}$/.test(length)) throw new Refusal('malformed-request', 'Content-Length is not a number')
  if (coding === null && (length === null || Number(length) === 0)) return null
  return new StreamedBody(sourceOf(req, res), length === null ? null : Number(length))
}

/** Counts what of a body goes to the destination. A whole body may be sent again, and is counted once. */
export class SentCount {
  #meter: Meter['sent'] | null = null
  /** Bytes of a whole body. */
  #counted = 0

  watch(meter: Meter['sent']): void {
    this.#meter = meter
  }

  count(bytes: number): Slowed | null {
    return this.#meter?.(bytes) ?? null
  }

  /** As `RequestBody.count`, of all of a whole body. */
  countWhole(bytes: number): Slowed | null {
    if (bytes <= this.#counted) return null
    const slowed = this.count(bytes - this.#counted)
    if (slowed === null) this.#counted = bytes
    return slowed
  }

  /** Its chunks; `metered` gives those that were not counted yet. */
  async *whole(body: Buffer, metered: (rest: Buffer) => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (this.#counted > 0) yield body.subarray(0, this.#counted)
    if (this.#counted >= body.byteLength) return
    for await (const chunk of metered(body.subarray(this.#counted))) {
      this.#counted += chunk.byteLength
      yield chunk
    }
  }
}

interface Exchange {
  readonly closed: boolean
  on(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** Where a body comes from: a request of HTTP/1.1, or a stream of HTTP/2. */
export interface BodySource {
  readonly stream: Readable
  /** Its last byte has been received. */
  isComplete(): boolean
  /** As received, once it is complete. */
  trailers(): HeaderList
  /** Emits `close` when the exchange is over. */
  readonly exchange: Exchange
  /** RFC 9110 §10.1.1: a caller that waits for 100 is told to go on only once the body is wanted. */
  invite(): void
}

function sourceOf(req: IncomingMessage, res: ServerResponse): BodySource {
  return {
    stream: req,
    isComplete: () => req.complete,
    trailers: () => req.rawTrailers,
    exchange: res,
    invite: () => {
      if (expectsContinue(req) && !res.headersSent) res.writeContinue()
    },
  }
}

export class StreamedBody implements JudgedBody {
  readonly declaredBytes: number | null
  whole: Buffer | null = null
  readonly #source: BodySource
  readonly #count = new SentCount()
  #onRead: (chunk: Uint8Array | null) => void = () => {}

  constructor(source: BodySource, declaredBytes: number | null) {
    this.#source = source
    this.declaredBytes = declaredBytes
  }

  async arrived(): Promise<boolean> {
    const { stream } = this.#source
    if (this.whole !== null) return true
    // Node's parser hands over in the next turn what arrived after the head.
    await nextTurn()
    if (!this.#source.isComplete() || stream.readableFlowing !== null || stream.readableLength === 0) return false
    this.whole = stream.read() as Buffer
    return true
  }

  trailers(): HeaderList {
    return forwardableTrailers(this.#source.trailers())
  }

  count(bytes: number): Slowed | null {
    return this.whole === null ? this.#count.count(bytes) : this.#count.countWhole(bytes)
  }

  watch(meter: Meter['sent'], onRead?: (chunk: Uint8Array | null) => void): void {
    this.#count.watch(meter)
    if (onRead !== undefined) this.#onRead = onRead
  }

  async *chunks(maxBytes: number): AsyncGenerator<Uint8Array> {
    if (this.declaredBytes !== null && this.declaredBytes > maxBytes) throw tooLarge(maxBytes)
    if (this.whole !== null) {
      if (this.whole.byteLength > maxBytes) throw tooLarge(maxBytes)
      yield* this.#count.whole(this.whole, (rest) => this.#metered(rest))
      return
    }
    for await (const chunk of this.#read(maxBytes)) {
      this.#onRead(chunk)
      yield* this.#metered(chunk)
    }
    this.#onRead(null)
  }

  async *#metered(chunk: Buffer): AsyncGenerator<Uint8Array> {
    const slowed = this.#count.count(chunk.byteLength)
    if (slowed === null) {
      yield chunk
      return
    }
    const end = () => slowed.end()
    const { stream, exchange } = this.#source
    exchange.on('close', end)
    if (exchange.closed) end()
    slow(stream, true)
    try {
      yield* slicesOf(chunk, slowed)
    } finally {
      slow(stream, false)
      exchange.off('close', end)
    }
  }

  async buffer(maxBytes: number): Promise<Buffer> {
    if (this.declaredBytes !== null && this.declaredBytes > maxBytes) throw tooLargeToJudge(maxBytes)
    const chunks: Buffer[] = []
    for await (const chunk of this.#read(maxBytes, tooLargeToJudge)) chunks.push(chunk)
    this.whole = Buffer.concat(chunks)
    return this.whole
  }

  async *#read(maxBytes: number, refusal = tooLarge): AsyncGenerator<Buffer> {
    this.#source.invite()
    const reader = new BodyReader(this.#source.stream)
    let bytes = 0
    try {
      for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) {
        bytes += chunk.byteLength
        if (bytes > maxBytes) throw refusal(maxBytes)
        yield chunk
      }
    } finally {
      reader.leave(maxBytes)
    }
  }
}

/**
 * Node's own iterator destroys the request when it is left early, and with it the connection that the reply is still to be
 * sent on. This one leaves the connection alone.
 */
class BodyReader {
  readonly #req: Readable
  #waiting: PromiseWithResolvers<Buffer | null> | null = null
  #listening = false

  constructor(req: Readable) {
    this.#req = req
  }

  /** The next chunk; `null` at the end. Rejects with `Refusal('client-closed')`. One call at a time. */
  next(): Promise<Buffer | null> {
    const req = this.#req
    if (req.readableEnded) return Promise.resolve(null)
    if (req.destroyed) return Promise.reject(gone())
    this.#waiting = Promise.withResolvers()
    if (!this.#listening) {
      this.#listening = true
      req.on('data', this.#chunk).on('end', this.#end).on('close', this.#close).on('error', this.#close)
    }
    req.resume()
    return this.#waiting.promise
  }

  /** Discards what still comes, so that a caller that writes everything before it reads can go on; beyond `maxBytes` the rest is not read before the reply. */
  leave(maxBytes: number): void {
    const req = this.#req
    req.off('data', this.#chunk).off('end', this.#end).off('close', this.#close)
    if (req.readableEnded || req.destroyed) return
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
      if (bytes > maxBytes) req.pause()
    })
    req.resume()
  }

  readonly #chunk = (chunk: Buffer) => {
    this.#req.pause()
    this.#waiting?.resolve(chunk)
  }

  readonly #end = () => this.#waiting?.resolve(null)

  readonly #close = () => this.#waiting?.reject(gone())
}

const isSlow = Symbol('a bucket slows its body')

function slow(req: Readable & { [isSlow]?: boolean }, is: boolean): void {
  req[isSlow] = is
}

/** Whether its body is not being read because a bucket slows it: its caller is not idle then. */
export function isSlowed(req: Readable & { [isSlow]?: boolean }): boolean {
  return req[isSlow] === true
}

function gone(): Refusal {
  return new Refusal('client-closed', 'the caller went away while its body was read')
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('payload-too-large', `the body is larger than ${maxBytes} bytes`)
}

function tooLargeToJudge(maxBytes: number): Refusal {
  return new Refusal(
    'payload-too-large',
    `rules look at this body, and it is larger than the ${maxBytes} bytes that http.maxPolicyBody allows for that`,
  )
}

/** The slices of a chunk that a bucket slows. Throws `Refusal('client-closed')` if the exchange is over before all of it has passed. */
export async function* slicesOf(chunk: Uint8Array, slowed: Slowed): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < chunk.byteLength; ) {
    const bytes = await slowed.next()
    if (bytes === 0) throw new Refusal('client-closed', 'the exchange ended while its bytes were slowed')
    yield chunk.subarray(from, from + bytes)
    from += bytes
  }
}
