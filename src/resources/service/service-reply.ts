/** Makes a Reply with a pushed body from a service's response. */
import type { IncomingMessage } from 'node:http'
import { type Answer, Refusal, type Sink } from '../../core/index.ts'
import { stalled } from '../../egress/index.ts'
import { withoutHeaders } from '../../text/index.ts'
import { createTurnTimer, endToEnd, pushStream, replyTooLarge } from '../http/index.ts'
import type { ReplyAddresses } from './reply-addresses.ts'

export interface ReplyOptions {
  /** The service's name, for messages. */
  readonly service: string
  /** The request's method. */
  readonly method: string
  /** Path and query as they were sent to the service. */
  readonly path: string
  readonly addresses: ReplyAddresses
  readonly maxBytes: number
  /** A body without a byte for so long is broken off. */
  readonly idleTimeoutMs: number
}

/**
 * Call it as soon as the head has arrived: it listens from then on for a body that breaks off.
 * Throws `Refusal`: reply-too-large if the declared length is (if the body turns out to be, the transfer breaks off), origin-failed.
 */
export function serviceReply(answer: IncomingMessage, options: ReplyOptions): Answer {
  const { service, method, path, addresses, maxBytes } = options
  const status = answer.statusCode ?? 0
  const source = new ReplySource(answer, options)
  if (status < 200) throw new Refusal('origin-failed', `${service} answered with an invalid status`)
  const headers = addresses.rewrite(endToEnd(answer.rawHeaders), path)
  if (isBodyless(method, answer)) {
    // Bytes after the head do not belong to this reply, and are discarded.
    answer.resume()
    // RFC 9110 §8.6: a 204 has no length.
    return { status, headers: status === 204 ? withoutHeaders(headers, ['content-length']) : headers, body: null }
  }
  if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw replyTooLarge(maxBytes)
  return { status, headers, body: (sink) => source.push(sink) }
}

/** RFC 9112 §6.3. */
function isBodyless(method: string, { statusCode, headers }: IncomingMessage): boolean {
  return method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0'
}

class ReplySource {
  readonly #answer: IncomingMessage
  readonly #options: ReplyOptions
  #failure: Error | null = null

  constructor(answer: IncomingMessage, options: ReplyOptions) {
    this.#answer = answer
    this.#options = options
    // Listens from the beginning: the body may break off while the record is written to disk.
    answer.on('error', (error) => {
      this.#failure ??= error
    })
  }

  push(sink: Sink): Promise<void> {
    const answer = this.#answer
    const { service, maxBytes, idleTimeoutMs } = this.#options
    return pushStream(
      {
        ...{ stream: answer, idleTimeoutMs, maxBytes },
        timer: createTurnTimer((ms) => answer.destroy(stalled(service, ms))),
        isWhole: () => answer.readableEnded && answer.complete,
        fail: (refusal) => void answer.destroy(refusal),
        broken: () => (this.#failure instanceof Refusal ? this.#failure : new Refusal('origin-failed', `${service} broke off`)),
      },
      sink,
    )
  }
}
