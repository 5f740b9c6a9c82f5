/** What a service answered, as a Reply with a pushed body. */
import type { IncomingMessage } from 'node:http'
import { type Answer, type PushedBody, Refusal, type Sink } from '../../core/index.ts'
import { withoutHeaders } from '../../text/index.ts'
import { createTurnTimer, endToEnd } from '../http/index.ts'
import type { ReplyAddresses } from './reply-addresses.ts'

export interface ReplyOptions {
  /** The service's name, for messages. */
  readonly service: string
  /** Of the request. */
  readonly method: string
  /** Path and query as the service was sent them. */
  readonly path: string
  readonly addresses: ReplyAddresses
  readonly maxBytes: number
  /** A body in which nothing moves for so long is broken off. */
  readonly idleTimeoutMs: number
}

/**
 * To be called as soon as the head is there: how the body breaks off is heard from then on.
 * Throws `Refusal`: reply-too-large where the service says that its reply is (the transfer breaks off where it turns out to be), origin-failed.
 */
export function serviceReply(answer: IncomingMessage, options: ReplyOptions): Answer {
  const { service, method, path, addresses, maxBytes } = options
  const status = answer.statusCode ?? 0
  const source = new ReplySource(answer, options)
  if (status < 200) throw new Refusal('origin-failed', `${service} answered with a status that is none`)
  const headers = addresses.rewrite(endToEnd(answer.rawHeaders), path)
  if (isBodyless(method, answer)) {
    // What may stand behind the head all the same belongs to nobody.
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
    // Heard from the first moment: it may break off while the record is on its way to disk.
    answer.on('error', (error) => {
      this.#failure ??= error
    })
  }

  push(sink: Sink): ReturnType<PushedBody> {
    const answer = this.#answer
    return new Promise((resolve, reject) => {
      /** The sink has not taken the last chunk yet. Node tells the end all the same, paused or not. */
      let taking = false
      const end = () => {
        if (taking && answer.readableEnded && answer.complete) return
        timer.stop()
        if (answer.readableEnded && answer.complete) resolve()
        else reject(this.#failure instanceof Refusal ? this.#failure : new Refusal('origin-failed', `${this.#options.service} broke off`))
      }
      const { maxBytes, idleTimeoutMs } = this.#options
      const timer = createTurnTimer((ms) => answer.destroy(new Refusal('origin-timeout', `nothing moved for ${ms} ms`)))
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
        const verdict = sink.write(chunk)
        if (verdict === true) return
        if (verdict === false) {
          answer.destroy()
          return
        }
        // A caller that does not read is its door's to cut.
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
        verdict.then(goOn, () => goOn(false))
      })
      answer.once('end', end)
      answer.once('close', end)
    })
  }
}
