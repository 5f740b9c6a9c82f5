/** Writes a settled reply to a Node response, and settles at its last byte or when either end breaks off. */
import type { ServerResponse } from 'node:http'
import { drained, isTakeover, type Meter, type ProblemCode, type PushedBody, type Sink, toRefusal, writeSlowly } from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import type { HttpArrival } from './http-arrival.ts'

/** One arrival over Node's HTTP server, from the pipeline to its last byte. Never throws: a bug here costs this caller its reply, and affects no other. */
export function serve(handle: Handle, arrival: HttpArrival): void {
  void handle(arrival).then((settling) => {
    try {
      deliver(settling, arrival.res, arrival.id)
    } catch (error) {
      settling.fail(error)
      answerFailure(settling, arrival)
    }
  })
}

/** Sends the 500 instead, if no head has been sent yet. */
function answerFailure(settling: Settling, arrival: HttpArrival): void {
  try {
    if (!arrival.res.headersSent) {
      deliver(settling, arrival.res, arrival.id)
      return
    }
  } catch {
    // This failed as well: the connection is ended.
  }
  arrival.cut()
  settling.settle({ complete: false })
}

/** `requestId` is sent to the caller with every reply, so that the record can be found by it. */
function deliver(settling: Settling, res: ServerResponse, requestId: string): void {
  const { reply } = settling
  if (isTakeover(reply)) {
    reply.discard()
    settling.settle({ complete: false })
    res.destroy()
    return
  }
  const { status, reason, body } = reply
  if (res.destroyed || res.closed) {
    if (typeof body === 'function') body(discardSink).catch(() => {})
    settling.settle({ complete: false, status: 499 })
    return
  }
  const broken: Broken = { by: null }
  // Before all other listeners: one that throws would keep this arrival from being settled.
  res.prependListener('close', () => {
    const complete = res.writableFinished && broken.by === null
    if (complete || settling.refused) settling.settle({ complete })
    else settling.settle({ complete, problem: broken.by ?? 'client-closed' })
  })
  const headers = [...reply.headers, 'sallyport-request-id', requestId]
  // To keep the connection, Node would read the rest of an upload without a bound; a closed one lingers within bounds.
  if (!res.req.complete) headers.push('connection', 'close')
  if (body === null) {
    writeHead(res, status, reason, headers)
    res.end()
  } else if (typeof body === 'function') {
    writeHead(res, status, reason, headers)
    push(body, res, broken, settling.meter)
  } else {
    if (!declaresLength(headers)) headers.push('content-length', String(body.byteLength))
    writeHead(res, status, reason, headers)
    // Node omits the body of a reply to HEAD (RFC 9110 §9.3.2), and the gateway's own refusals are not charged.
    const slowed = settling.refused || res.req.method === 'HEAD' ? null : settling.meter.received(body.byteLength)
    if (slowed === null) endWhole(res, body)
    else void writeSlowly(slowed, body, res).then((isWhole) => (isWhole ? res.end() : res.destroy()))
  }
}

function writeHead(res: ServerResponse, status: number, reason: string | undefined, headers: string[]): void {
  if (reason === undefined) res.writeHead(status, headers)
  else res.writeHead(status, reason, headers)
}

/**
 * Node joins a head and a string body into one write, but hands a head and a Buffer to writev, which costs twice as
 * much for a small reply (measured: 21 % of the gateway's CPU at 1 KB). Latin-1 maps each byte to one character and back.
 */
function endWhole(res: ServerResponse, body: Uint8Array): void {
  if (body.byteLength <= joinedBytes) res.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1')
  else res.end(body)
}

const joinedBytes = 16 * 1024

/** Tells the source at once to stop, so that it frees its connection. */
const discardSink: Sink = { write: () => false }

interface Broken {
  /** What broke the body off before its end; `null` if nothing did. */
  by: ProblemCode | null
}

function push(body: PushedBody, res: ServerResponse, broken: Broken, meter: Meter): void {
  let begun = false
  const sink: Sink = {
    write(chunk) {
      if (res.destroyed) return false
      const slowed = meter.received(chunk.byteLength)
      if (slowed !== null) return writeSlowly(slowed, chunk, res)
      begun = true
      return res.write(chunk) || drained(res)
    },
  }
  body(sink).then(
    () => res.end(),
    (error: unknown) => {
      // The head is sent: only a broken transfer shows the caller that the body is incomplete.
      broken.by = toRefusal(error).code
      res.destroy()
    },
  )
  // A head must not wait for a body that may take long (event streams, watches); if the first chunk is there, both leave in one write.
  // `flushHeaders` would write it as UTF-8, and header bytes are Latin-1 (RFC 9110 §5.5).
  if (!begun && !res.destroyed) res.write('', 'latin1')
}

function declaresLength(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === 'content-length') return true
  return false
}
