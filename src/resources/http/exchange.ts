/** One request to an origin through undici. The reply is pushed: chunks go from the parser to the sink, without a stream between them. */
import type { Dispatcher } from 'undici'
import {
  type Answer,
  type Body,
  type Connection,
  endOf,
  type Hangup,
  type HeaderList,
  type Progress,
  Refusal,
  type Sink,
} from '../../core/index.ts'
import { explainOriginError, firstByteLate, maxInformational, tooManyInformational } from '../../egress/index.ts'
import { withoutHeaders } from '../../text/index.ts'
import type { HeadDeadline } from '../deadlines.ts'
import type { ConnectedClient, Dispatched, OriginPool } from './origin-pool.ts'
import { replyTooLarge } from './push-stream.ts'
import { askedTwice, isClosed, isIdempotent } from './repeat.ts'
import { endToEnd } from './reply-headers.ts'

/** Until there is a sink, this much is held; then the origin's socket is paused. */
const queuedBytes = 64 * 1024

export interface ExchangeOptions {
  readonly pool: OriginPool
  /** Its body, if it has one, is complete. */
  readonly request: Dispatcher.DispatchOptions
  readonly hangup: Hangup
  readonly progress: Progress
  readonly host: string
  /** Until the head of the reply: for a connection, and for the origin, at the second try as well. */
  readonly head: HeadDeadline
  /** For the origin alone, once there is a connection. */
  readonly firstByteMs: number | undefined
  readonly maxReplyBytes: number
}

/** Resolves with the reply's head, and its body if that arrived with it. Throws `Refusal`: origin-*, reply-too-large, client-closed. */
export function exchange(options: ExchangeOptions): Promise<Answer> {
  return new Promise<Exchange>((resolve) => {
    new Exchange(options, resolve).begin(false)
    // When this continuation runs, the parser has handed over everything of the same read.
  }).then(toAnswer)
}

function toAnswer(exchange: Exchange): Answer | Promise<Answer> {
  return exchange.mayRepeat() ? repeat(exchange) : exchange.answer()
}

async function repeat(failed: Exchange): Promise<Answer> {
  failed.repeats()
  const second = await new Promise<Exchange>((resolve) => new Exchange(failed.options, resolve).begin(true))
  return second.answer(true)
}

class Exchange implements Dispatched {
  readonly options: ExchangeOptions
  /** Called once there is a head, or a failure. */
  readonly #resolve: (exchange: Exchange) => void
  readonly #timer: NodeJS.Timeout
  #firstByteTimer: NodeJS.Timeout | undefined
  #controller: Dispatcher.DispatchController | null = null
  #forget: (() => void) | null = null
  #dial: AbortController | null = null
  #client: ConnectedClient | null = null
  /** Its connection was made for it, so it was not closed for having been idle. */
  #isFresh = false
  #closedOn = false
  /** The error that its own connection broke by. */
  #brokenBy: Error | null = null
  /** Some bytes of a reply arrived. */
  #heard = false
  #informational = 0
  #status = 0
  #headers: HeaderList = []
  #held: Buffer[] = []
  #heldSize = 0
  #bytes = 0
  #ended = false
  #failure: Refusal | null = null
  #sink: Sink | null = null
  #finish: { resolve: () => void; reject: (error: Refusal) => void } | null = null

  constructor(options: ExchangeOptions, resolve: (exchange: Exchange) => void) {
    this.options = options
    this.#resolve = resolve
    this.#timer = setTimeout(onLate, options.head.leftMs(), this)
  }

  begin(fresh: boolean): void {
    const { pool, request, hangup } = this.options
    // Called back at once if the caller has left already.
    const forget = hangup.onGone(() => this.#fail(endOf(hangup)))
    if (this.#failure !== null) {
      forget()
      return
    }
    this.#forget = forget
    if (fresh) pool.dispatchFresh(request, this)
    else pool.dispatch(request, this)
  }

  late(): void {
    this.#fail(new Refusal('origin-timeout', `${this.options.host} did not answer within ${this.options.head.timeoutMs} ms`))
  }

  slow(): void {
    this.#fail(firstByteLate(this.options.host, this.options.firstByteMs))
  }

  dialling(abort: AbortController): void {
    this.#dial = abort
    this.options.progress.dialling()
    this.#isFresh = true
  }

  dialled(connection: Connection | null): void {
    this.options.progress.dialled(connection)
  }

  through(client: ConnectedClient): void {
    this.#client = client
  }

  broken(error: Error): void {
    this.#brokenBy ??= error
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#dial = null
    // Given up while it waited for a connection: nothing of it is sent.
    if (this.#failure !== null) controller.abort(this.#failure)
    else this.#started()
  }

  #started(): void {
    const { progress, firstByteMs } = this.options
    progress.started(this.#client?.connection ?? null)
    if (firstByteMs !== undefined) this.#firstByteTimer = setTimeout(onSlow, firstByteMs, this)
  }

  onResponseStarted(): void {
    this.#heard = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      // RFC 9110 §15.2: informational replies precede the final one; there are no status codes below 100.
      this.#informational += 1
      if (status < 100) this.#fail(new Refusal('origin-failed', `${this.options.host} answered with an invalid status`))
      else if (this.#informational > maxInformational) this.#fail(tooManyInformational(this.options.host))
      return
    }
    this.#status = status
    this.options.progress.answered()
    this.#stopTimers()
    try {
      const headers = Array.isArray(controller.rawHeaders) ? endToEnd(controller.rawHeaders) : []
      // RFC 9110 §8.6: a 204 has no length; a caller that trusted one would wait in vain.
      this.#headers = status === 204 ? withoutHeaders(headers, ['content-length']) : headers
    } catch (error) {
      this.#fail(explainOriginError(error as Error, this.options.host))
      return
    }
    this.#resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.byteLength
    if (this.#bytes > this.options.maxReplyBytes) {
      controller.abort(replyTooLarge(this.options.maxReplyBytes))
      return
    }
    if (this.#sink === null || this.#held.length > 0) {
      this.#held.push(chunk)
      this.#heldSize += chunk.byteLength
      if (this.#heldSize >= queuedBytes && !controller.paused) controller.pause()
      return
    }
    this.#pass(controller, this.#sink, chunk)
  }

  onResponseEnd(): void {
    this.#ended = true
    this.#forget?.()
    if (this.#held.length === 0) this.#finish?.resolve()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#closedOn = isClosed(error)
    this.#end(explainOriginError(this.#closedOn ? (this.#brokenBy ?? error) : error, this.options.host))
  }

  /** In any state: waiting for a connection, dialling, sending, or receiving the reply. */
  #fail(refusal: Refusal): void {
    if (this.#ended || this.#failure !== null) return
    if (this.#controller !== null) this.#controller.abort(refusal)
    else {
      this.#dial?.abort(refusal)
      // undici keeps a request that waits for a connection until there is one; its body need not be kept.
      this.options.request.body = null
    }
    this.#end(refusal)
  }

  #end(refusal: Refusal): void {
    if (this.#failure !== null) return
    this.#failure = refusal
    this.#forget?.()
    this.#stopTimers()
    this.#resolve(this)
    this.#finish?.reject(refusal)
  }

  #stopTimers(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#firstByteTimer)
  }

  /** Whether the origin closed a kept connection before it can have read the request. */
  mayRepeat(): boolean {
    return this.#closedOn && !this.#isFresh && !this.#heard && isIdempotent(this.options.request.method) && !this.options.hangup.gone
  }

  /** It is sent once more. */
  repeats(): void {
    const { progress, request } = this.options
    progress.retrying({ problem: this.#failure?.code ?? null, status: null, sentBytes: (request.body as Buffer | null)?.byteLength ?? 0 })
  }

  /** Throws the `Refusal` of a failure. */
  answer(isSecond = false): Answer {
    if (this.#failure !== null) throw isSecond ? askedTwice(this.#failure) : this.#failure
    return { status: this.#status, headers: this.#headers, body: this.#body() }
  }

  #body(): Body {
    if (!this.#ended) return (sink) => this.#push(sink)
    if (this.#held.length === 0) return null
    return this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
  }

  async #push(sink: Sink): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    // Chunks that arrived before the sink go first and in order; `#held` stays non-empty meanwhile so that no later chunk overtakes them.
    // None is taken out on the way: an origin may send each byte as a chunk of its own, and `shift` moves all that stand behind.
    for (const chunk of this.#held) {
      const more = sink.write(chunk)
      const goesOn = typeof more === 'boolean' ? more : await more
      if (!goesOn) this.#leave()
      if (this.#failure !== null) throw this.#failure
    }
    this.#held.length = 0
    this.#heldSize = 0
    if (this.#ended) return
    this.#sink = sink
    return new Promise((resolve, reject) => {
      this.#finish = { resolve, reject }
      if (this.#controller?.paused) this.#controller.resume()
    })
  }

  #pass(controller: Dispatcher.DispatchController, sink: Sink, chunk: Buffer): void {
    const more = sink.write(chunk)
    if (more === true) return
    if (more === false) {
      this.#leave()
      return
    }
    controller.pause()
    const goOn = (goesOn: boolean) => {
      if (goesOn) controller.resume()
      else this.#leave()
    }
    more.then(goOn, () => goOn(false))
  }

  #leave(): void {
    this.#fail(new Refusal('client-closed', 'the caller went away'))
  }
}

function onLate(exchange: Exchange): void {
  exchange.late()
}

function onSlow(exchange: Exchange): void {
  exchange.slow()
}
