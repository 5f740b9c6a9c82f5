/** Random ids in hexadecimal, as W3C Trace Context has them for traces and spans. */
import { randomFillSync } from 'node:crypto'

/** Random bytes are asked for in blocks, which costs each request a tenth. */
const idsPerBlock = 256

export function createRandomIds(bytes: number): () => string {
  const block = Buffer.allocUnsafe(bytes * idsPerBlock)
  let next = idsPerBlock
  return () => {
    if (next === idsPerBlock) {
      randomFillSync(block)
      next = 0
    }
    const from = next * bytes
    next += 1
    return block.toString('hex', from, from + bytes)
  }
}
