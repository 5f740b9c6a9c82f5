/** The first bytes of an intercepted tunnel, which say what comes: they are read before there is a reader for it, and given back. */
import type { Duplex } from 'node:stream'
import type { Hangup } from '../core/index.ts'
import { createCallerLine } from './hangup.ts'

/** `null` if the caller leaves, or sends nothing in time. */
export function firstChunk(socket: Duplex, timeoutMs: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(null), timeoutMs)
    const settle = (chunk: Buffer | null) => {
      clearTimeout(timer)
      socket.off('data', settle)
      socket.off('end', gone)
      socket.off('close', gone)
      socket.pause()
      resolve(chunk)
    }
    const gone = () => settle(null)
    socket.on('data', settle)
    // A caller that ends its side without a byte will send none, and it may have ended already.
    if (socket.readableEnded || socket.destroyed) return gone()
    socket.on('end', gone)
    socket.on('close', gone)
    // A chunk before this one has paused it.
    socket.resume()
  })
}

/** The first record, in however many pieces it comes: what stands at its end may say which certificate the client can check. `null` as in `firstChunk`. */
export async function wholeRecord(socket: Duplex, first: Buffer, timeoutMs: number): Promise<Buffer | null> {
  const until = performance.now() + timeoutMs
  let record = first
  while (record.byteLength < 5 || record.byteLength < 5 + Math.min(record.readUInt16BE(3), maxRecordBytes)) {
    const more = await firstChunk(socket, until - performance.now())
    if (more === null) return null
    record = Buffer.concat([record, more])
  }
  return record
}

/** RFC 8446 §5.1. */
const maxRecordBytes = 16 * 1024

interface HeldOpen {
  readonly hangup: Hangup
  /** Gives the kept bytes back, so that they are read next. Call it once. */
  giveBack(): void
}

/** Most bytes that are kept. Beyond them the connection is not read, and a hang-up is not noticed. */
const maxKeptBytes = 64 * 1024

/** `first`: bytes that were read from it already, by a reader that has paused it. */
export function holdOpen(socket: Duplex, first: Buffer): HeldOpen {
  const kept = [first]
  const { hangup, leave } = createCallerLine(socket.destroyed || socket.readableEnded)
  let bytes = 0
  function keep(chunk: Buffer): void {
    kept.push(chunk)
    bytes += chunk.byteLength
    if (bytes > maxKeptBytes) socket.pause()
  }
  socket.on('data', keep).on('end', leave).on('close', leave)
  socket.resume()
  return {
    hangup,
    giveBack() {
      socket.off('data', keep).off('end', leave).off('close', leave)
      socket.pause()
      if (!hangup.gone) socket.unshift(Buffer.concat(kept))
    },
  }
}
