/** Writes a settled reply to a stream of HTTP/2, and settles at its last byte or when either end breaks off. */
import type { ServerHttp2Stream } from 'node:http2'
import { drained, isTakeover, type ProblemCode, type PushedBody, type Reply, type Sink, toRefusal, writeSlowly } from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import { fieldObject } from '../text/index.ts'
import { grpcAnswer } from './grpc-status.ts'
import { type Http2Arrival, internalError, noError } from './http2-arrival.ts'
import { connectionSpecific } from './http2-head.ts'
import { openOnStream } from './http2-websocket.ts'
import { type LingerBounds, lingerOnStream } from './linger.ts'
import { withoutForbiddenTrailers } from './trailers.ts'

/** One arrival over HTTP/2, from the pipeline to its last byte. Never throws: a bug here costs this caller its reply, and affects no other. */
export function serveStream(handle: Handle, arrival: Http2Arrival, linger: LingerBounds): void {
  void handle(arrival).then((settling) => {
    try {
      deliver(settling, arrival, linger)
    } catch (error) {
      settling.fail(error)
      answerFailure(settling, arrival, linger)
    }
  })
}

/** Sends the 500 instead, if no head has been sent yet. */
function answerFailure(settling: Settling, arrival: Http2Arrival, linger: LingerBounds): void {
  try {
    if (!arrival.stream.headersSent) {
      deliver(settling, arrival, linger)
      return
    }
  } catch {
    // This failed as well: the stream is ended.
  }
  arrival.cut()
  settling.settle({ complete: false })
}

function deliver(settling: Settling, arrival: Http2Arrival, linger: LingerBounds): void {
  const { stream, id } = arrival
  const reply = replyTo(arrival, settling)
  if (isTakeover(reply)) {
    openOnStream(settling, reply, arrival)
    return
  }
  const { status, body } = reply
  if (stream.destroyed || stream.closed) {
    if (typeof body === 'function') body(discardSink).catch(() => {})
    settling.settle({ complete: false, status: 499 })
    return
  }
  const broken: Broken = { by: null, isWhole: false }
  // Before all other listeners: one that throws would keep this arrival from being settled.
  stream.prependOnceListener('close', () => {
    // Not `writableFinished`: nghttp2 closes the stream with its last frame, before Node has called back for that.
    const complete = stream.writableEnded && !stream.aborted && stream.rstCode === noError && broken.by === null
    if (complete || settling.refused) settling.settle({ complete })
    else settling.settle({ complete, problem: broken.by ?? 'client-closed' })
  })
  // Node resets a stream of which nothing was read with the end of its reply.
  if (stream.readableFlowing === null) stream.resume()
  stream.once('finish', () => {
    if (stream.readableEnded || stream.closed || broken.by !== null) return
    // The reply is whole, whatever becomes of the rest of the request.
    settling.settle({ complete: true })
    arrival.handOver()
    const end = () => stream.close(noError)
    if (arrival.isSending) lingerOnStream(stream, linger, end)
    else end()
  })
  const head = [':status', String(status), ...fieldsOf(reply.headers), 'sallyport-request-id', id]
  const isBodiless = isHead(stream) || status === 204 || status === 304
  if (body === null || isBodiless) {
    stream.respond(fieldObject(head), { endStream: true })
    if (typeof body === 'function') body(discardSink).catch(() => {})
  } else if (typeof body === 'function') {
    // Node ends a stream that it resets, and the end may go out first: only what is whole is ended, by its trailers.
    stream.respond(fieldObject(head), { waitForTrailers: true })
    stream.once(
      'wantTrailers',
      () => broken.isWhole && stream.sendTrailers(fieldObject(withoutForbiddenTrailers(fieldsOf(reply.trailers?.() ?? [])))),
    )
    push(body, arrival, broken, settling)
  } else {
    if (!head.includes('content-length')) head.push('content-length', String(body.byteLength))
    stream.respond(fieldObject(head))
    // The gateway's own refusals are not charged.
    const slowed = settling.refused ? null : settling.meter.received(body.byteLength)
    if (slowed === null) stream.end(body)
    else void writeSlowly(slowed, body, stream).then((isWhole) => (isWhole ? stream.end() : stream.close(internalError)))
  }
}

/** A library of gRPC takes every other status than 200 for UNKNOWN or the like. */
function replyTo({ isGrpc }: Http2Arrival, { reply, refused }: Settling): Reply {
  return refused && isGrpc && !isTakeover(reply) ? grpcAnswer(reply) : reply
}

function isHead(stream: ServerHttp2Stream & { readonly headRequest?: boolean }): boolean {
  return stream.headRequest === true
}

function fieldsOf(headers: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    if (!connectionSpecific.has(name)) kept.push(name, headers[i + 1] as string)
  }
  return kept
}

/** Tells the source at once to stop, so that it frees its connection. */
const discardSink: Sink = { write: () => false }

interface Broken {
  /** What broke the body off before its end; `null` if nothing did. */
  by: ProblemCode | null
  /** A pushed body has come to its end. */
  isWhole: boolean
}

/** What the caller's window does not take is not asked of the source. */
function push(body: PushedBody, arrival: Http2Arrival, broken: Broken, { meter }: Settling): void {
  const { stream } = arrival
  const sink: Sink = {
    write(chunk) {
      if (stream.destroyed) return false
      arrival.touch()
      const slowed = meter.received(chunk.byteLength)
      if (slowed !== null) return writeSlowly(slowed, chunk, stream)
      return stream.write(chunk) || drained(stream)
    },
  }
  body(sink).then(
    () => {
      broken.isWhole = true
      stream.end()
    },
    (error: unknown) => {
      // The head is sent: only a reset shows the caller that the body is incomplete.
      broken.by = toRefusal(error).code
      stream.close(internalError)
    },
  )
}
