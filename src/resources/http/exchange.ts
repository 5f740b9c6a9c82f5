/** One request to an origin through undici, with the reply pushed: chunks go from the parser to the sink, no stream between. */
import type { Dispatcher } from 'undici'
import { type Answer, type Body, type Hangup, type HeaderList, Refusal, type Sink, withoutHeaders } from '../../core/index.ts'
import { explainOriginError } from './origin-error.ts'
import { endToEnd } from './reply-headers.ts'

/** Before a sink listens, no more than this is held; then the origin's socket is paused. */
const heldBytes = 64 * 1024

export interface ExchangeOptions {
  readonly pool: Dispatcher
  readonly request: Dispatcher.DispatchOptions
  readonly hangup: Hangup
  readonly host: string
  readonly maxReplyBytes: number
}

/** Resolves with the reply's head (and its body where that came along). Throws `Refusal`: origin-*, reply-too-large, client-closed. */
export function exchange(options: ExchangeOptions): Promise<Answer> {
  return new Promise<Exchange>((resolve, reject) => {
    options.pool.dispatch(options.request, new Exchange(options, resolve, reject))
    // By the time this continuation runs, the parser has handed over all that came in the same read.
  }).then(toAnswer)
}

function toAnswer(exchange: Exchange): Answer {
  return exchange.answer()
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions
  readonly #resolve: (exchange: Exchange) => void
  readonly #reject: (refusal: Refusal) => void
  #controller: Dispatcher.DispatchController | null = null
  #forget: (() => void) | null = null
  #status = 0
  #headers: HeaderList = []
  #held: Buffer[] = []
  #heldSize = 0
  #bytes = 0
  #ended = false
  #failure: Refusal | null = null
  #sink: Sink | null = null
  #finish: { resolve: () => void; reject: (error: Refusal) => void } | null = null

  constructor(options: ExchangeOptions, resolve: (exchange: Exchange) => void, reject: (refusal: Refusal) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#forget = this.#options.hangup.onGone(() => controller.abort(new Refusal('client-closed', 'the caller went away')))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      // RFC 9110 §15.2: informational ones come before the reply; below them there are no status codes.
      if (status < 100) controller.abort(new Refusal('origin-failed', `${this.#options.host} answered with a status that is none`))
      return
    }
    this.#status = status
    const headers = Array.isArray(controller.rawHeaders) ? endToEnd(controller.rawHeaders) : []
    // RFC 9110 §8.6: a 204 has no length, and a caller who believes one waits for what never comes.
    this.#headers = status === 204 ? withoutHeaders(headers, ['content-length']) : headers
    this.#resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.byteLength
    if (this.#bytes > this.#options.maxReplyBytes) {
      controller.abort(new Refusal('reply-too-large', `the reply is larger than ${this.#options.maxReplyBytes} bytes`))
      return
    }
    if (this.#sink === null || this.#held.length > 0) {
      this.#held.push(chunk)
      this.#heldSize += chunk.byteLength
      if (this.#heldSize >= heldBytes && !controller.paused) controller.pause()
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
    this.#forget?.()
    this.#failure = explainOriginError(error, this.#options.host)
    this.#reject(this.#failure)
    this.#finish?.reject(this.#failure)
  }

  answer(): Answer {
    return { status: this.#status, headers: this.#headers, body: this.#body() }
  }

  #body(): Body {
    if (this.#failure !== null) throw this.#failure
    if (!this.#ended) return (sink) => this.#push(sink)
    if (this.#held.length === 0) return null
    return this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
  }

  async #push(sink: Sink): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    // What came before anybody listened goes first and in order; `#held` stays non-empty meanwhile so that nothing overtakes it.
    for (let chunk = this.#held[0]; chunk !== undefined; chunk = this.#held[0]) {
      const verdict = sink.write(chunk)
      const goesOn = typeof verdict === 'boolean' ? verdict : await verdict
      this.#held.shift()
      if (!goesOn) return this.#stop()
    }
    this.#heldSize = 0
    if (this.#failure !== null) throw this.#failure
    if (this.#ended) return
    this.#sink = sink
    return new Promise((resolve, reject) => {
      this.#finish = { resolve, reject }
      if (this.#controller?.paused) this.#controller.resume()
    })
  }

  #pass(controller: Dispatcher.DispatchController, sink: Sink, chunk: Buffer): void {
    const verdict = sink.write(chunk)
    if (verdict === true) return
    if (verdict === false) {
      this.#stop()
      return
    }
    controller.pause()
    void verdict.then((goesOn) => {
      if (goesOn) controller.resume()
      else this.#stop()
    })
  }

  #stop(): void {
    this.#controller?.abort(new Refusal('client-closed', 'the caller went away'))
  }
}
