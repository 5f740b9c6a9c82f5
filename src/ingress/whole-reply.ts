/** A reply as one document, where it cannot be passed on in pieces. */
import { type Hangup, isTakeover, type Slowed } from '../core/index.ts'
import type { Settling } from '../pipeline.ts'

/** Settles the arrival. Throws if there is no document, if it breaks off or is larger than `maxBytes`, or if the caller has left. */
export async function collect(settling: Settling, maxBytes: number, hangup: Hangup): Promise<Buffer> {
  const { reply } = settling
  if (isTakeover(reply)) {
    reply.discard()
    settling.settle({ complete: false })
    throw new Error('the answer is not a document')
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  const keep = (chunk: Uint8Array) => {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return false
    chunks.push(chunk)
    const slowed = settling.refused ? null : settling.meter.received(chunk.byteLength)
    return slowed === null || allPass(slowed, chunk.byteLength, hangup)
  }
  let complete = false
  try {
    if (typeof reply.body === 'function') await reply.body({ write: keep })
    else if (reply.body !== null && !(await keep(reply.body)) && bytes <= maxBytes) throw new Error('the answer is no longer waited for')
    complete = bytes <= maxBytes
  } catch (error) {
    // A source that is told to stop may throw.
    if (bytes <= maxBytes) throw error
  } finally {
    settling.settle({ complete })
  }
  if (!complete) throw new Error(`the answer is larger than ${maxBytes} bytes`)
  return Buffer.concat(chunks)
}

async function allPass(slowed: Slowed, bytes: number, hangup: Hangup): Promise<boolean> {
  const forget = hangup.onGone(() => slowed.end())
  try {
    for (let left = bytes; left > 0; ) {
      const passed = await slowed.next()
      if (passed === 0) return false
      left -= passed
    }
    return true
  } finally {
    forget()
  }
}
