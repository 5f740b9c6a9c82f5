/** LEB128 integers and the other primitives of the WebAssembly binary format (W3C WebAssembly Core 2.0, §5.2). */

export class LebReader {
  readonly #source: Uint8Array
  at: number

  constructor(source: Uint8Array, at: number) {
    this.#source = source
    this.at = at
  }

  get done(): boolean {
    return this.at >= this.#source.length
  }

  byte(): number {
    const value = this.#source[this.at]
    if (value === undefined) throw new Error('the WebAssembly module ends in the middle')
    this.at += 1
    return value
  }

  bytes(length: number): Uint8Array {
    if (this.at + length > this.#source.length) throw new Error('the WebAssembly module ends in the middle')
    this.at += length
    return this.#source.subarray(this.at - length, this.at)
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.bytes(this.#source.length - this.at)
  }

  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error('an integer of the WebAssembly module is too long')
  }

  /** Signed, of 32 bits. */
  i32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return shift < 25 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value
    }
    throw new Error('an integer of the WebAssembly module is too long')
  }

  /** Moves past a signed integer of up to 64 bits. */
  skipInteger(): void {
    for (let length = 0; length < 10; length += 1) if (this.byte() < 0x80) return
    throw new Error('an integer of the WebAssembly module is too long')
  }

  name(): string {
    return new TextDecoder().decode(this.bytes(this.u32()))
  }

  limits(): void {
    const flags = this.byte()
    this.u32()
    if ((flags & 1) !== 0) this.u32()
  }
}

export function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return bytes
}

export function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}
