/** Pushes the body of a reply from the stream that it comes on into a sink, as fast as the sink takes it. */
import type { Readable } from 'node:stream'
import { Refusal, type Sink } from '../../core/index.ts'
import type { TurnTimer } from './turn-timer.ts'

export interface StreamedReply {
  readonly stream: Readable
  /** Runs while the stream is waited for; while the sink is, it does not: the caller's door cuts it. */
  readonly timer: TurnTimer
  readonly idleTimeoutMs: number
  readonly maxBytes: number
  /** Nothing of the body is missing. */
  isWhole(): boolean
  /** Whether `isWhole` is to be trusted by now; asked again when the stream has closed. Always where absent. */
  knowsEnd?(): boolean
  /** Breaks it off, and `broken` gives this from then on: it is too large, or its sink wants no more. */
  fail(refusal: Refusal): void
  /** Why it is not whole. */
  broken(): Error
}

/** Call it once. Resolves when the sink has taken the last chunk. Rejects as soon as the stream breaks off, with what `broken` gives. */
export function pushStream(reply: StreamedReply, sink: Sink): Promise<void> {
  const { stream, timer, idleTimeoutMs, maxBytes } = reply
  return new Promise((resolve, reject) => {
    let bytes = 0
    /** The sink has not taken the last chunk yet. Node emits `end` all the same, paused or not. */
    let isTaking = false
    const end = () => {
      if (reply.knowsEnd?.() === false) return
      const isWhole = reply.isWhole()
      if (isWhole && isTaking) return
      timer.stop()
      if (isWhole) resolve()
      else reject(reply.broken())
    }
    const stop = () => reply.fail(new Refusal('client-closed', 'the caller went away'))
    const taken = (wantsMore: boolean) => {
      isTaking = false
      if (stream.readableEnded) return end()
      if (!wantsMore) return stop()
      if (!stream.destroyed) timer.start(idleTimeoutMs)
      stream.resume()
    }
    stream.once('end', end)
    stream.once('close', end)
    // A stream of HTTP/2 says that it is closed while there is still something to read.
    if (stream.readableEnded || (stream.closed && stream.destroyed)) return end()
    timer.start(idleTimeoutMs)
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
      if (bytes > maxBytes) return reply.fail(replyTooLarge(maxBytes))
      const more = sink.write(chunk)
      if (more === true) return timer.touch()
      if (more === false) return stop()
      stream.pause()
      timer.stop()
      isTaking = true
      more.then(taken, () => taken(false))
    })
  })
}

export function replyTooLarge(maxBytes: number): Refusal {
  return new Refusal('reply-too-large', `the reply is larger than ${maxBytes} bytes`)
}
