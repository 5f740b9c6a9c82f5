/** Makes a Reply with a pushed body from a service's response. */
import type { IncomingMessage } from 'node:http'
import { type Answer, type PushedBody, Refusal, type Sink } from '../../core/index.ts'
import { stalled } from '../../egress/index.ts'
import { withoutHeaders } from '../../text/index.ts'
import { createTurnTimer, endToEnd } from '../http/index.ts'
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
  if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  return { status, headers, body: (sink) => source.push(sink) }
}

/** RFC 9112 §6.3. */
function isBodyless(method: string, { statusCode, headers }: IncomingMessage): boolean {
  return method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0'
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('reply-too-large', `the reply is larger than ${maxBytes} bytes`)
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

  push(sink: Sink): ReturnType<PushedBody> {
    const answer = this.#answer
    return new Promise((resolve, reject) => {
      /** The sink has not taken the last chunk yet. Node emits `end` all the same, paused or not. */
      let taking = false
      const end = () => {
        if (taking && answer.readableEnded && answer.complete) return
        timer.stop()
        if (answer.readableEnded && answer.complete) resolve()
        else reject(this.#failure instanceof Refusal ? this.#failure : new Refusal('origin-failed', `${this.#options.service} broke off`))
      }
      const { maxBytes, idleTimeoutMs } = this.#options
      const timer = createTurnTimer((ms) => answer.destroy(stalled(this.#options.service, ms)))
      if (answer.closed || answer.readableEnded) return end()
      timer.start(idleTimeoutMs)
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        timer.touch()
        bytes += chunk.byteLength
        if (bytes > maxBytes) {
          answer.destroy(tooLarge(maxBytes))
          return
        }
        const written = sink.write(chunk)
        if (written === true) return
        if (written === false) {
          answer.destroy()
          return
        }
        // The timer does not run while the caller does not read: its door cuts it.
        answer.pause()
        timer.stop()
        taking = true
        const goOn = (goesOn: boolean) => {
          taking = false
          if (answer.readableEnded) return end()
          if (!goesOn) return void answer.destroy()
          if (!answer.closed) timer.start(idleTimeoutMs)
          answer.resume()
        }
        written.then(goOn, () => goOn(false))
      })
      answer.once('end', end)
      answer.once('close', end)
    })
  }
}
