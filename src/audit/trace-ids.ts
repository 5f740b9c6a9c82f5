/** Trace ids of requests whose caller names none (W3C Trace Context: 16 random bytes, in hexadecimal). */
import { randomFillSync } from 'node:crypto'

const idBytes = 16
/** Random bytes are asked for in blocks, which costs each request a tenth. */
const idsPerBlock = 256

export function createTraceIds(): () => string {
  const block = Buffer.allocUnsafe(idBytes * idsPerBlock)
  let next = idsPerBlock
  return () => {
    if (next === idsPerBlock) {
      randomFillSync(block)
      next = 0
    }
    const from = next * idBytes
    next += 1
    return block.toString('hex', from, from + idBytes)
  }
}
