/**
 * A request with a streamed body, through Node's own client. undici would hold the head back until the body's first byte,
 * fail at a `100 Continue` that it did not ask for, and drop the connection of a reply that ends before its request.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Answer,
  drained,
  endOf,
  type Hangup,
  type HeaderList,
  type Progress,
  Refusal,
  type RequestBody,
  type Sink,
} from '../../core/index.ts'
import { connectionOf, explainOriginError, limitInformational, stalled } from '../../egress/index.ts'
import { request as httpRequest } from '../../node-http.ts'
import { withoutHeaders } from '../../text/index.ts'
import type { HeadDeadline } from '../deadlines.ts'
import { forgetPending } from './agent-queue.ts'
import type { DialAgent, DialOptions } from './origin-pool.ts'
import { pushStream, replyTooLarge } from './push-stream.ts'
import { endToEnd } from './reply-headers.ts'
import { createHeadTimers, createTurnTimer, type HeadTimers } from './turn-timer.ts'

export interface UploadOptions {
  readonly agent: DialAgent
  readonly method: string
  /** Including the query. */
  readonly path: string
  /** Including Host. */
  readonly headers: HeaderList
  readonly body: RequestBody
  readonly hangup: Hangup
  readonly progress: Progress
  readonly host: string
  /** How long the origin may take for each step, up to the head of its reply. */
  readonly head: HeadDeadline
  /** The same for each step once there is a connection. */
  readonly firstByteMs: number | undefined
  /** A reply without a byte for so long is broken off. */
  readonly idleTimeoutMs: number
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
}

/** A larger head is an attack. */
const maxHeaderBytes = 64 * 1024

/** Resolves with the reply's head. Throws `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed. */
export function upload(options: UploadOptions): Promise<Answer> {
  return new Upload(options).answer
}

class Upload {
  readonly answer: Promise<Answer>
  readonly #options: UploadOptions
  readonly #outgoing: ClientRequest
  readonly #dial = new AbortController()
  readonly #headTimers: HeadTimers
  readonly #idleTimer = createTurnTimer((ms) => this.fail(stalled(this.#options.host, ms)))
  #resolve: (answer: Answer) => void = () => {}
  #reject: (refusal: Refusal) => void = () => {}
  #reply: IncomingMessage | null = null
  #failure: Refusal | null = null
  #forget: () => void = () => {}
  #isCallersTurn = false
  #sent = false
  #over = false

  constructor(options: UploadOptions) {
    const { agent, method, path, headers, body, hangup, progress } = options
    this.#options = options
    this.#headTimers = createHeadTimers({ ...options, isStreamed: true }, (refusal) => this.fail(refusal))
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const framed = body.declaredBytes === null ? [...headers, 'transfer-encoding', 'chunked'] : headers
    this.#outgoing = httpRequest({
      ...{ agent, protocol: agent.protocol, method, path, headers: framed, setHost: false, maxHeaderSize: maxHeaderBytes },
      ...({ dialSignal: this.#dial.signal, progress } satisfies DialOptions),
    })
    this.#outgoing.on('error', (error) => this.#broken(error))
    this.#outgoing.once('socket', (socket) => {
      progress.started(connectionOf(socket))
      this.#turn(this.#isCallersTurn)
    })
    this.#outgoing.once('response', (reply) => this.#answered(reply))
    limitInformational(this.#outgoing, options.host, (refusal) => this.fail(refusal))
    this.#outgoing.once('close', () => this.#broken(new Error('closed without a reply')))
    // Sends the head at once. `flushHeaders` would write it as UTF-8, and header bytes are Latin-1 (RFC 9110 §5.5).
    this.#outgoing.write('', 'latin1')
    this.#turn(false)
    const forget = hangup.onGone(() => this.fail(endOf(hangup)))
    if (this.#over) forget()
    else this.#forget = forget
    if (!this.#over) void this.#send().catch((error: Error) => this.fail(error))
  }

  /** Before the reply's head it is the result; later it breaks the reply off. */
  fail(error: Error): void {
    if (this.#over) return
    this.#failure ??= explainOriginError(error, this.#options.host)
    this.#reply?.destroy(this.#failure)
    this.#end()
    this.#reject(this.#failure)
  }

  /** A failure of the request no longer counts once the reply has begun: the reply reports its own end. */
  #broken(error: Error): void {
    if (this.#reply === null) this.fail(error)
  }

  /** The timer does not run while the caller stalls: its door cuts it. */
  #turn(isCallers: boolean): void {
    this.#isCallersTurn = isCallers
    if (this.#over) return
    const isConnected = this.#outgoing.socket !== null
    if (this.#reply !== null) this.#idleTimer.touch()
    else if (isCallers && isConnected) this.#headTimers.stop()
    else this.#headTimers.start(isConnected)
  }

  async #send(): Promise<void> {
    const outgoing = this.#outgoing
    this.#isCallersTurn = true
    for await (const chunk of this.#options.body.chunks(this.#options.maxRequestBytes)) {
      // The reply has ended, or the origin has left: the rest of the body is not sent.
      if (this.#over || outgoing.destroyed) return
      this.#turn(false)
      if (!outgoing.write(chunk)) await drained(outgoing)
      // The reply of an origin that answers and closes must be read before the next write fails.
      else await nextTurn()
      this.#turn(true)
    }
    this.#sent = true
    outgoing.addTrailers(chunkedTrailers(this.#options.body))
    outgoing.end()
    this.#turn(false)
  }

  #answered(reply: IncomingMessage): void {
    try {
      this.#take(reply)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #take(reply: IncomingMessage): void {
    this.#reply = reply
    this.#options.progress.answered()
    const { host, method, maxReplyBytes } = this.#options
    const status = reply.statusCode ?? 0
    // Listens from the beginning: the reply may break off while the record is written to disk.
    reply.on('error', (error) => {
      this.#failure ??= explainOriginError(error, host)
    })
    reply.once('close', () => this.#end())
    if (status < 200) {
      this.fail(new Refusal('origin-failed', `${host} answered with an invalid status`))
      return
    }
    this.#headTimers.stop()
    const headers = endToEnd(reply.rawHeaders)
    if (method === 'HEAD' || status === 204 || status === 304 || reply.headers['content-length'] === '0') {
      reply.resume()
      // RFC 9110 §8.6: a 204 has no length; a caller that trusted one would wait in vain.
      this.#resolve({ status, headers: status === 204 ? withoutHeaders(headers, ['content-length']) : headers, body: null })
    } else if (Number(reply.headers['content-length'] ?? 0) > maxReplyBytes) this.fail(replyTooLarge(maxReplyBytes))
    else this.#resolve({ status, headers, body: (sink) => this.#push(reply, sink) })
  }

  #push(reply: IncomingMessage, sink: Sink): Promise<void> {
    const { host, idleTimeoutMs, maxReplyBytes: maxBytes } = this.#options
    return pushStream(
      {
        ...{ stream: reply, timer: this.#idleTimer, idleTimeoutMs, maxBytes },
        isWhole: () => reply.complete && reply.readableEnded,
        fail: (refusal) => this.fail(refusal),
        broken: () => this.#failure ?? new Refusal('origin-failed', `${host} broke off`),
      },
      sink,
    )
  }

  /** Both directions are done: the door discards what the caller still sends, and the connection is not reused. */
  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#headTimers.stop()
    this.#idleTimer.stop()
    this.#dial.abort()
    this.#forget()
    if (this.#sent && this.#reply?.complete === true) return
    this.#outgoing.destroy()
    forgetPending(this.#options.agent, this.#outgoing)
  }
}

/** For HTTP/1.1, in which only a chunked body has any (RFC 9112 §7.1.2). */
export function chunkedTrailers(body: RequestBody): [name: string, value: string][] {
  const flat = body.declaredBytes === null ? (body.trailers?.() ?? []) : []
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] as string]] : []))
}
