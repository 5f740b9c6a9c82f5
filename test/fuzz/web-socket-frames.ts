/** Frames of WebSockets (RFC 6455 §5) that neither side should send: broken ones, ones at the wrong time, bombs, and bytes. */
import { deflateRawSync } from 'node:zlib'
import type { Random } from './generate.ts'

const opcodes = [0, 1, 2, 8, 9, 10]
/** RFC 7692 §7.2.1: without the empty block at the end. */
const deflated = ['hello', 'x'.repeat(100_000), ''].map((text) => deflateRawSync(text).subarray(0, -4))
const closings = [[], [3], [3, 232], [3, 237], [0, 0], [255, 255], [3, 232, 0xff, 0xfe], [15, 160]]

/** `isMasked`: as a client's are, most of the time. */
export function createWebSocketFrames(random: Random): (isMasked: boolean) => Buffer {
  const below = (count: number) => Math.floor(random() * count)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const chance = (of: number) => random() < of
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)))

  function content(opcode: number): Buffer {
    if (opcode === 8) return Buffer.from(chance(0.9) ? pick(closings) : [...bytes(130)])
    if (chance(0.1)) return pick(deflated)
    if (chance(0.05)) return Buffer.alloc(pick([125, 126, 127, 65_535, 65_536, 70_000]), 'x')
    return chance(0.3) ? bytes(below(40)) : Buffer.from('hello'.repeat(below(6)))
  }

  /** `says`: how many bytes it claims to have, which may be none of its business. */
  function header(opcode: number, says: number, isMasked: boolean): Buffer {
    const first = (chance(0.8) ? 0x80 : 0) | (chance(0.15) ? 0x40 : 0) | (chance(0.02) ? pick([0x20, 0x10]) : 0) | opcode
    const mask = isMasked ? 0x80 : 0
    const form = chance(0.95) ? (says < 126 ? 7 : says < 65_536 ? 16 : 64) : pick([7, 16, 64])
    if (form === 7) return Buffer.from([first, mask | Math.min(says, 125)])
    const head = Buffer.alloc(form === 16 ? 4 : 10)
    head[0] = first
    head[1] = mask | (form === 16 ? 126 : 127)
    if (form === 16) head.writeUInt16BE(says & 0xffff, 2)
    else head.writeBigUInt64BE(chance(0.9) ? BigInt(says) : pick([2n ** 63n, 2n ** 64n - 1n, 2n ** 31n, 2n ** 53n]), 2)
    return head
  }

  return (isMasked) => {
    if (chance(0.03)) return bytes(below(30))
    const opcode = chance(0.96) ? pick(opcodes) : below(16)
    const payload = content(opcode)
    const masks = chance(0.97) ? isMasked : !isMasked
    const key = masks ? bytes(4) : Buffer.alloc(0)
    const masked = masks ? payload.map((byte, i) => byte ^ (key[i % 4] as number)) : payload
    const says = chance(0.97) ? payload.byteLength : payload.byteLength + pick([-1, 1, 1000])
    const frame = Buffer.concat([header(opcode, Math.max(0, says), masks), key, masked])
    return chance(0.01) ? frame.subarray(0, below(frame.byteLength)) : frame
  }
}
