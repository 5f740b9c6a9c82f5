/** A reply as one document, for those who cannot take it piece by piece. */
import { isTakeover } from '../core/index.ts'
import type { Settling } from '../pipeline.ts'

/** Settles. Throws where there is no document, it breaks off, or it is larger than `maxBytes`. */
export async function collect(settling: Settling, maxBytes: number): Promise<Buffer> {
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
    if (bytes <= maxBytes) chunks.push(chunk)
    return bytes <= maxBytes
  }
  let complete = false
  try {
    if (typeof reply.body === 'function') await reply.body({ write: keep })
    else if (reply.body !== null) keep(reply.body)
    complete = bytes <= maxBytes
  } catch (error) {
    // A source that was told to stop may break off.
    if (bytes <= maxBytes) throw error
  } finally {
    settling.settle({ complete, receivedBytes: bytes })
  }
  if (!complete) throw new Error(`the answer is larger than ${maxBytes} bytes`)
  return Buffer.concat(chunks)
}
