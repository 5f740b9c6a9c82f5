/** One exchange with a service. It follows the outgoing request from the beginning, and takes the reply where Node reads it. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type Answer, endOf, type Hangup, type Progress, type Refusal, type ServiceRequest, type Timeouts } from '../../core/index.ts'
import { explainOriginError, limitInformational } from '../../egress/index.ts'
import type { HeadDeadline } from '../deadlines.ts'
import { createHeadTimers, type HeadTimers, isClosed, isIdempotent } from '../http/index.ts'
import type { Call } from './call.ts'
import type { ReplyAddresses } from './reply-addresses.ts'
import { serviceReply } from './service-reply.ts'

export interface ExchangeOptions {
  /** The service's name, for messages. */
  readonly service: string
  readonly request: ServiceRequest
  readonly hangup: Hangup
  readonly progress: Progress
  /** Path and query, as they are sent. */
  readonly path: string
  readonly addresses: ReplyAddresses
  readonly maxReplyBytes: number
  /** Until the head of the reply; where the caller sends a body bit by bit, for each step of the service. */
  readonly head: HeadDeadline
  readonly timeouts: Timeouts
  /** A reply without a byte for so long is broken off. */
  readonly idleTimeoutMs: number
  /** It is the second try, over a connection of its own. */
  readonly isRepeat: boolean
}

export class ServiceExchange implements Call {
  readonly integration: string
  readonly method: string
  readonly path: string
  readonly isAlone: boolean
  /** The head of the reply. Rejects with a `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed. */
  readonly reply: Promise<Answer>
  onGivenUp: Call['onGivenUp'] = null
  readonly progress: Progress
  readonly timeouts: Timeouts
  readonly #options: ExchangeOptions
  readonly #timers: HeadTimers
  #isCallersTurn = false
  #resolve: (reply: Answer) => void = () => {}
  #reject: (refusal: Refusal) => void = () => {}
  #forget: () => void = () => {}
  #outgoing: ClientRequest | null = null
  #answered: IncomingMessage | null = null
  #failed = false
  /** Bytes that its connection had received when the request got it. */
  #readBefore: number | null = null
  #closedOn = false

  constructor(options: ExchangeOptions) {
    const { request, hangup, progress, path, head, timeouts } = options
    this.#options = options
    this.timeouts = timeouts
    this.progress = progress
    this.integration = request.integration.name
    this.method = request.target.method
    this.path = path
    this.isAlone = options.isRepeat
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const isStreamed = request.body !== null && request.body.whole === null
    const { firstByteMs } = timeouts
    this.#timers = createHeadTimers({ host: options.service, head, firstByteMs, isStreamed }, (refusal) => this.fail(refusal))
    this.#timers.start(false)
    // Called back at once if the caller has left already, so everything above must be set by now.
    const forget = hangup.onGone(() => this.fail(endOf(hangup)))
    if (this.#failed) forget()
    else this.#forget = forget
  }

  /** The judged body as it is read. The timer runs only while the service is waited for; the door has a deadline for a slow caller. */
  async *paced(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#turn(true)
    for await (const chunk of content) {
      this.#turn(false)
      yield chunk
      this.#turn(true)
    }
    this.#turn(false)
  }

  #turn(isCallers: boolean): void {
    this.#isCallersTurn = isCallers
    if (this.#failed || this.#answered !== null) return
    // Until there is a connection, the service is waited for.
    if (isCallers && this.#outgoing?.socket == null) return
    this.#timers.stop()
    if (!isCallers) this.#timers.start(this.#outgoing?.socket != null)
    // A chunk that is there already is sent with the head, in one write.
    else if (this.#outgoing?.headersSent === false) setImmediate(this.#sendHead)
  }

  /** Sends the head at once: the service may refuse by it, without waiting for a slow body. `flushHeaders` would write it as UTF-8 (RFC 9110 §5.5). */
  readonly #sendHead = () => {
    if (this.#isCallersTurn && !this.#failed && this.#outgoing?.headersSent === false) this.#outgoing.write('', 'latin1')
  }

  follow(outgoing: ClientRequest): void {
    if (this.#failed || this.#outgoing !== null) {
      outgoing.destroy()
      return
    }
    this.#outgoing = outgoing
    outgoing.on('error', (error) => this.#broken(error))
    outgoing.once('socket', (socket) => {
      this.#readBefore = socket.bytesRead
      this.#turn(this.#isCallersTurn)
    })
    outgoing.once('response', (answer) => this.#answer(answer))
    limitInformational(outgoing, this.#options.service, (refusal) => this.fail(refusal))
    outgoing.once('close', () => this.#broken(new Error('closed without a reply')))
  }

  /** Before the head of a reply it is the result; after it, it breaks the reply off. Later calls do nothing. */
  fail(error: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.#timers.stop()
    this.#forget()
    this.#outgoing?.destroy()
    this.onGivenUp?.()
    this.#answered?.destroy(error)
    this.#reject(explainOriginError(error, this.#options.service))
  }

  /** A failure of the request no longer counts once the reply has begun: the reply reports its own end. */
  #broken(error: Error): void {
    if (this.#answered !== null || this.#failed) return
    const { reusedSocket, socket } = this.#outgoing as ClientRequest
    this.#closedOn = isClosed(error) && reusedSocket && socket?.bytesRead === this.#readBefore
    this.fail(error)
  }

  /** Whether the service closed a kept connection before it can have read the request. */
  mayRepeat(): boolean {
    const { hangup, request } = this.#options
    const { body } = request
    return this.#closedOn && isIdempotent(this.method) && (body === null || body.whole !== null) && !hangup.gone
  }

  #answer(answer: IncomingMessage): void {
    this.#answered = answer
    this.progress.answered()
    answer.once('close', this.#forget)
    try {
      const { maxReplyBytes: maxBytes, ...options } = this.#options
      const reply = serviceReply(answer, { ...options, method: this.method, maxBytes })
      this.#timers.stop()
      this.#resolve(reply)
    } catch (error) {
      this.fail(error as Error)
    }
  }
}
