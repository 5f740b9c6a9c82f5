/** A reply as one document, for those who cannot take it piece by piece. */
import { type Hangup, isTakeover, type Slowed } from '../core/index.ts'
import type { Settling } from '../pipeline.ts'

/** Settles. Throws where there is no document, it breaks off, it is larger than `maxBytes`, or nobody waits for it any more. */
export async function collect(settling: Settling, maxBytes: number, hangup: Hangup): Promise<Buffer> {
  const { reply } = settling
  if (isTakeover(reply)) {
    reply.discard()
    settling.settle({ complete: false })
    throw new Error('the answer is no document')
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
    else if (reply.body !== null && !(await keep(reply.body)) && bytes <= maxBytes) throw new Error('nobody waits for the answer any more')
    complete = bytes <= maxBytes
  } catch (error) {
    // A source that was told to stop may break off.
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
