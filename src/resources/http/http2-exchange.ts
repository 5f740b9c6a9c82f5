/** One request to an origin over HTTP/2. Its body and its reply go both ways at once, each as fast as the other side takes it. */
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders } from 'node:http2'
import {
  type Answer,
  drained,
  endOf,
  type Hangup,
  type HeaderList,
  type HttpTarget,
  type Progress,
  Refusal,
  type RequestBody,
  type Sink,
} from '../../core/index.ts'
import { endOfStream, maxInformational, stalled, tooManyInformational } from '../../egress/index.ts'
import { fieldObject, withoutHeaders } from '../../text/index.ts'
import type { HeadDeadline } from '../deadlines.ts'
import { givenUpAtDeadline, grpcTimeoutMs } from './grpc-deadline.ts'
import { flat, requestFields } from './http2-fields.ts'
import type { OriginSession } from './http2-sessions.ts'
import { pushStream, replyTooLarge } from './push-stream.ts'
import { isIdempotent } from './repeat.ts'
import { endToEnd } from './reply-headers.ts'
import { createHeadTimers, createTurnTimer, type HeadTimers } from './turn-timer.ts'

export interface Http2ExchangeOptions {
  readonly target: HttpTarget
  /** Path and query. */
  readonly path: string
  /** Including Host. */
  readonly headers: HeaderList
  readonly body: RequestBody | null
  readonly hangup: Hangup
  readonly progress: Progress
  /** Up to the head of the reply; where the caller sends a body bit by bit, for each step of the origin. */
  readonly head: HeadDeadline
  /** The same once there is a connection. */
  readonly firstByteMs: number | undefined
  /** A reply without a byte for so long is broken off. */
  readonly idleTimeoutMs: number
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
}

/** RFC 9113 §7. */
const cancel = 8
const refusedStream = 7
/** RFC 9113 §6.2. */
const endStreamFlag = 1

/** Resolves with the reply's head. Throws `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed; and `NotProcessed`. */
export function exchangeOver(session: OriginSession, options: Http2ExchangeOptions): Promise<Answer> {
  return new Http2Exchange(session, options).answer
}

/** The origin has not processed the request, and it can be sent again. */
export class NotProcessed extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.message, { cause: refusal })
    this.refusal = refusal
  }
}

class Http2Exchange {
  readonly answer: Promise<Answer>
  readonly #options: Http2ExchangeOptions
  readonly #session: OriginSession
  readonly #wasUsed: boolean
  readonly #stream: ClientHttp2Stream
  readonly #headTimers: HeadTimers
  readonly #idleTimer = createTurnTimer((ms) => this.#late(stalled(this.#options.target.host, ms)))
  #resolve: (answer: Answer) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #forget: () => void = () => {}
  #failure: Refusal | null = null
  #error: Error | null = null
  readonly #startedAt = performance.now()
  #heard = false
  /** The body has been sent to its end. */
  #isSent = false
  #informational = 0
  #trailers: HeaderList = []

  constructor(session: OriginSession, options: Http2ExchangeOptions) {
    const { target, path, headers, body, hangup, progress } = options
    this.#options = options
    this.#session = session
    this.#wasUsed = session.isUsed
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const stream = open(session, requestFields(target, path, headers), body === null)
    this.#stream = stream
    progress.started(session.connection)
    const isStreamed = body !== null && body.whole === null
    const { head, firstByteMs } = options
    this.#headTimers = createHeadTimers({ host: target.host, head, firstByteMs, isStreamed }, (refusal) => this.#late(refusal))
    this.#startTimers()
    stream.on('error', (error) => {
      this.#error = error
    })
    // Node ends a stream that it resets, and the end may go out first: only what is whole is ended.
    stream.once('wantTrailers', () => this.#isSent && stream.sendTrailers(fieldObject(body?.trailers?.() ?? [])))
    stream.on('headers', () => this.#inform())
    stream.once('response', (given, flags) => this.#take(given, flags))
    stream.once('trailers', (given) => {
      this.#trailers = endToEnd(flat(given))
    })
    stream.once('close', () => this.#closed())
    this.#forget = hangup.onGone(() => this.#fail(endOf(hangup)))
    if (body !== null && this.#failure === null) void this.#send(body).catch((error: Error) => this.#fail(asRefusal(error)))
  }

  #late(refusal: Refusal): void {
    // Nothing else is sent on a connection that may be dead.
    this.#session.retire()
    this.#fail(refusal)
  }

  #startTimers(): void {
    if (!this.#heard) this.#headTimers.start(true)
  }

  /** Before the reply's head it is the result; later it breaks the reply off. */
  #fail(refusal: Refusal): void {
    if (this.#failure !== null || this.#stream.destroyed) return
    this.#failure = refusal
    this.#headTimers.stop()
    this.#idleTimer.stop()
    this.#reject(refusal)
    this.#stream.close(cancel)
  }

  #closed(): void {
    this.#headTimers.stop()
    this.#idleTimer.stop()
    queueMicrotask(() => this.#forget())
    if (this.#heard) return
    const refusal = this.#failure ?? this.#brokenOff()
    this.#failure = refusal
    this.#reject(this.#mayRepeat() ? new NotProcessed(refusal) : refusal)
  }

  #brokenOff(): Refusal {
    const { target, headers } = this.#options
    const { rstCode } = this.#stream
    if (rstCode === cancel && performance.now() - this.#startedAt >= grpcTimeoutMs(headers)) return givenUpAtDeadline(target.host)
    const what = endOfStream(this.#session.floodOf(this.#error), rstCode)
    return new Refusal('origin-failed', `${target.host} ${what}`, this.#error === null ? {} : { cause: this.#error })
  }

  /** RFC 9113 §8.7: a refused stream, or one beyond a GOAWAY, was not processed; a kept connection may have been closed before it. */
  #mayRepeat(): boolean {
    const { body, target, hangup } = this.#options
    if (
      hangup.gone ||
      this.#heard ||
      this.#session.floodOf(this.#error) !== null ||
      (body !== null && body.whole === null) ||
      this.#failure?.code !== 'origin-failed'
    )
      return false
    const { rstCode } = this.#stream
    return rstCode === refusedStream || (this.#wasUsed && isIdempotent(target.method) && isConnectionLost(this.#error))
  }

  async #send(body: RequestBody): Promise<void> {
    const stream = this.#stream
    const { maxRequestBytes } = this.#options
    // The timer does not run while the caller stalls: its door cuts it.
    if (body.whole === null) this.#headTimers.stop()
    for await (const chunk of body.chunks(maxRequestBytes)) {
      // The reply has ended, or the origin has left: the rest of the body is not sent.
      if (stream.destroyed || stream.writableEnded) return
      this.#startTimers()
      if (!stream.write(chunk) && !(await drained(stream))) return
      this.#headTimers.stop()
    }
    if (stream.destroyed) return
    this.#isSent = true
    stream.end()
    this.#startTimers()
  }

  #inform(): void {
    this.#informational += 1
    if (this.#informational > maxInformational) this.#fail(tooManyInformational(this.#options.target.host))
  }

  #take(given: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number): void {
    const { target, progress, maxReplyBytes } = this.#options
    if (this.#failure !== null) return
    const status = given[':status'] ?? 0
    if (status < 200) {
      this.#fail(new Refusal('origin-failed', `${target.host} answered with an invalid status`))
      return
    }
    this.#heard = true
    progress.answered()
    this.#headTimers.stop()
    const headers = endToEnd(flat(given))
    const isEmpty = (flags & endStreamFlag) !== 0 || target.method === 'HEAD' || status === 204 || status === 304
    if (isEmpty) {
      this.#stream.resume()
      // RFC 9110 §8.6: a 204 has no length; a caller that trusted one would wait in vain.
      this.#resolve({ status, headers: status === 204 ? withoutHeaders(headers as string[], ['content-length']) : headers, body: null })
    } else if (Number(given['content-length'] ?? 0) > maxReplyBytes) this.#fail(replyTooLarge(maxReplyBytes))
    else this.#resolve({ status, headers, body: (sink) => this.#push(sink), trailers: () => this.#trailers })
  }

  #push(sink: Sink): Promise<void> {
    const { idleTimeoutMs, maxReplyBytes: maxBytes } = this.#options
    const stream = this.#stream
    return pushStream(
      {
        ...{ stream, timer: this.#idleTimer, idleTimeoutMs, maxBytes },
        isWhole: () => stream.readableEnded && !stream.rstCode && this.#failure === null && this.#error === null,
        // Node ends a stream that was reset as well.
        knowsEnd: () => stream.closed || stream.destroyed,
        fail: (refusal) => this.#fail(refusal),
        broken: () => this.#failure ?? this.#brokenOff(),
      },
      sink,
    )
  }
}

function open(session: OriginSession, fields: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
  try {
    return session.ask(fields, endStream)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ERR_HTTP2_HEADER_SINGLE_VALUE')
      throw new Refusal('malformed-request', 'a header that has one value is there twice', { cause: error })
    session.retire()
    throw new NotProcessed(new Refusal('origin-failed', 'the origin has closed the connection', { cause: error }))
  }
}

function isConnectionLost(error: Error | null): boolean {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  return error === null || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_HTTP2_SESSION_ERROR'
}

function asRefusal(error: Error): Refusal {
  return error instanceof Refusal ? error : new Refusal('origin-failed', 'the request could not be sent', { cause: error })
}
