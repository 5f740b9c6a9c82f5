/** Writes a settled reply to a Node response, and settles at its last byte or when either end breaks off. */
import type { ServerResponse } from 'node:http'
import { drained, isTakeover, type Meter, type ProblemCode, type PushedBody, type Sink, toRefusal, writeSlowly } from '../core/index.ts'
import type { Handle, Settling } from '../pipeline.ts'
import type { HttpArrival } from './http-arrival.ts'

/** One arrival over Node's HTTP server, from the pipeline to its last byte. Never throws: a bug here costs this caller its reply and nobody else anything. */
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

/** The 500 instead, where no head is out yet. */
function answerFailure(settling: Settling, arrival: HttpArrival): void {
  try {
    if (!arrival.res.headersSent) {
      deliver(settling, arrival.res, arrival.id)
      return
    }
  } catch {
    // Neither the reply nor this: the connection ends.
  }
  arrival.cut()
  settling.settle({ complete: false })
}

/** `requestId` is told to the caller on every reply, so that it can be found in the record. */
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
    if (typeof body === 'function') body(deaf).catch(() => {})
    settling.settle({ complete: false, status: 499 })
    return
  }
  const broken: Broken = { by: null }
  // Before all others: one that fails would keep this from being settled.
  res.prependListener('close', () => {
    const complete = res.writableFinished && broken.by === null
    if (complete || settling.refused) settling.settle({ complete })
    else settling.settle({ complete, problem: broken.by ?? 'client-closed' })
  })
  const headers = [...reply.headers, 'sallyport-request-id', requestId]
  // Node would read the rest of an upload without any bound to keep the connection; its end lingers within one.
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
    // Node leaves the body of a HEAD's reply out (RFC 9110 §9.3.2), and the gateway's own refusals are free.
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

/** The source is told at once that nobody listens, and frees its connection. */
const deaf: Sink = { write: () => false }

interface Broken {
  /** What broke the body off before its end; `null` where nothing did. */
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
      // The head is out: only a broken transfer tells the caller that this is not the whole.
      broken.by = toRefusal(error).code
      res.destroy()
    },
  )
  // A head must not wait for a body that may be long in coming (event streams, watches); where something of it is there, they leave as one.
  // `flushHeaders` would write it as UTF-8, and header bytes are Latin-1 (RFC 9110 §5.5).
  if (!begun && !res.destroyed) res.write('', 'latin1')
}

function declaresLength(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === 'content-length') return true
  return false
}
