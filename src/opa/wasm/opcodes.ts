/** How long an instruction is: the immediates of every opcode that compilers of policies emit (W3C WebAssembly Core 2.0, §5.4). */
import { LebReader } from './leb.ts'

/** Those that are looked for or written here. */
export const opcodes = {
  noResult: 0x40, // the type of a block
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Or: 0x72,
} as const

/** Moves past the declarations of locals with which a function's body begins (§5.5.13). */
export function skipLocals(reader: LebReader): void {
  for (let groups = reader.u32(); groups > 0; groups -= 1) {
    reader.u32()
    reader.byte()
  }
}

/** Calls `visit` with each instruction of a function's body: where it and the next one begin. Throws on an unknown opcode. */
export function eachInstruction(body: Uint8Array, visit: (opcode: number, at: number, next: number) => void): void {
  const reader = new LebReader(body, 0)
  skipLocals(reader)
  while (!reader.done) {
    const { at } = reader
    visit(skipInstruction(reader), at, reader.at)
  }
}

/** Moves past one instruction and gives its opcode. Throws on an unknown opcode. */
export function skipInstruction(reader: LebReader): number {
  const opcode = reader.byte()
  if (opcode >= 0x45 && opcode <= 0xc4) return opcode // comparison, arithmetic, conversion
  if (opcode >= 0x28 && opcode <= 0x3e) {
    reader.u32() // alignment
    reader.u32() // offset
    return opcode
  }
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      return opcode
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
    case 0x41: // i32.const
    case 0x42: // i64.const
    case 0xd0: // ref.null
      reader.skipInteger()
      return opcode
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x20: // local.get
    case 0x21: // local.set
    case 0x22: // local.tee
    case 0x23: // global.get
    case 0x24: // global.set
    case 0x25: // table.get
    case 0x26: // table.set
    case 0x3f: // memory.size
    case 0x40: // memory.grow
    case 0xd2: // ref.func
      reader.u32()
      return opcode
    case 0x0e: // br_table
      for (let targets = reader.u32(); targets >= 0; targets -= 1) reader.u32()
      return opcode
    case 0x11: // call_indirect
      reader.u32()
      reader.u32()
      return opcode
    case 0x1c: // select with types
      reader.bytes(reader.u32())
      return opcode
    case 0x43: // f32.const
      reader.bytes(4)
      return opcode
    case 0x44: // f64.const
      reader.bytes(8)
      return opcode
    case 0xfc:
      skipPrefixed(reader)
      return opcode
    default:
      throw new Error(`the WebAssembly instruction 0x${opcode.toString(16)} is unknown`)
  }
}

/** Saturating conversions take no immediate; bulk memory and table instructions one or two. */
function skipPrefixed(reader: LebReader): void {
  const code = reader.u32()
  if (code <= 7) return
  if (code > 17) throw new Error(`the WebAssembly instruction 0xfc ${code} is unknown`)
  reader.u32()
  if (code === 8 || code === 10 || code === 12 || code === 14) reader.u32()
}
