/** Makes equal numbers equal inside a compiled policy, however they are spelled: as members of sets, as keys, as places in arrays. */
import { LebReader, signed, unsigned } from './leb.ts'
import { skipLocals } from './opcodes.ts'
import { readBodies, type Sections, sections, writeBodies } from './sections.ts'

/**
 * OPA's WebAssembly keeps a number of JSON as its text. Two faults of its library follow, both of which OPA's interpreter has not:
 * it hashes the double that a reading of its own makes of the text, in which `1` and `100e-2`, or `0` and `-0`, differ, so that
 * one is not found where the other is; and as the place in an array it does not know `1.0`, and of a plain integer it looks at 32 bits.
 * What a rule denies by a look-up would be passed with another spelling. Throws on a module that does not name its functions so.
 */
export function withEqualNumbers(module: Sections, imported: number, names: ReadonlyMap<number, string>): Map<number, Uint8Array> {
  const byName = new Map([...names].map(([index, name]) => [name, index]))
  const bodies = [...readBodies(module.get(sections.code))]
  const hash = byName.get('opa_number_hash')
  const get = byName.get('opa_value_get')
  const toInt = byName.get('opa_number_int')
  if (hash !== undefined) bodies[hash - imported] = hashBody
  else if (byName.has('opa_value_hash')) throw new Error('the policy’s WebAssembly is of an unknown make: it lacks opa_number_hash')
  if (get !== undefined) {
    if (toInt === undefined) throw new Error('the policy’s WebAssembly is of an unknown make: it lacks opa_number_int')
    bodies[get - imported] = prefixed(bodies[get - imported] ?? new Uint8Array(), toInt)
  }
  return new Map([...module, [sections.code, writeBodies(bodies)]])
}

// W3C WebAssembly Core 2.0, §5.4.
const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  return: [0x0f],
  eqz: [0x45],
  eq: [0x46],
  ne: [0x47],
  ltS: [0x48],
  ltU: [0x49],
  geU: [0x4f],
  eqz64: [0x50],
  ltS64: [0x53],
  gtU64: [0x56],
  add: [0x6a],
  sub: [0x6b],
  add64: [0x7c],
  sub64: [0x7d],
  mul64: [0x7e],
  divU64: [0x80],
  remU64: [0x82],
  wrap: [0xa7],
  extend: [0xad],
} as const

const br = (depth: number) => [0x0c, depth]
const brIf = (depth: number) => [0x0d, depth]
const get = (local: number) => [0x20, ...unsigned(local)]
const set = (local: number) => [0x21, ...unsigned(local)]
const i32 = (value: number) => [0x41, ...signed(value)]
const i64 = (value: number) => [0x42, ...signed(value)]
const call = (index: number) => [0x10, ...unsigned(index)]
/** Loads of the fields of `opa_number_t` and `opa_value` (OPA's value.h). */
const type = [0x2d, 0, 0]
const repr = [0x2d, 0, 1]
const integer = [0x29, 0, 8]
const textStart = [0x28, 0, 8]
const textLength = [0x28, 0, 12]
const byte = [0x2d, 0, 0]
const number = 3
const array = 5
const byText = 2

/** The locals that `scan` works with, in this order. */
const locals = (first: number) => ({
  at: first,
  end: first + 1,
  char: first + 2,
  /** value = ±digits × 10^exponent, `digits` without zeros at its end. */
  exponent: first + 3,
  place: first + 4,
  dot: first + 5,
  /** There is more to it than digits. */
  odd: first + 6,
  all: first + 7,
  digits: first + 8,
})
const declared = [...[7, 0x7f], ...[2, 0x7e]]

/** Reads the text of the number in local `value` up to its exponent; `digits` are those that 64 bits have room for. */
function scan(value: number, at: ReturnType<typeof locals>): readonly number[] {
  return [
    ...[...get(value), ...textStart, ...set(at.at), ...get(at.at), ...get(value), ...textLength, ...op.add, ...set(at.end)],
    ...[...op.block, ...op.loop],
    ...[...get(at.at), ...get(at.end), ...op.geU, ...brIf(1)],
    ...[...get(at.at), ...byte, ...set(at.char), ...get(at.at), ...i32(1), ...op.add, ...set(at.at)],
    ...[...get(at.char), ...i32(48), ...op.sub, ...i32(10), ...op.ltU, ...op.if],
    ...[...get(at.all), ...i64(10), ...op.mul64, ...get(at.char), ...i32(48), ...op.sub, ...op.extend, ...op.add64, ...set(at.all)],
    ...[...get(at.place), ...get(at.dot), ...op.sub, ...set(at.place)],
    ...[...get(at.char), ...i32(48), ...op.ne, ...op.if],
    ...[...get(at.all), ...set(at.digits), ...get(at.place), ...set(at.exponent)],
    ...op.else,
    ...[...get(at.exponent), ...get(at.dot), ...op.eqz, ...op.add, ...set(at.exponent)],
    ...[...op.end, ...br(1), ...op.end],
    ...[...i32(1), ...set(at.odd)],
    ...[...get(at.char), ...i32(46), ...op.eq, ...op.if, ...i32(1), ...set(at.dot), ...br(1), ...op.end],
    ...[...get(at.char), ...i32(45), ...op.eq, ...brIf(0)],
    ...[...op.end, ...op.end],
  ]
}

/** Of (number): its digits without the zeros at either end, of which no spelling has others. */
const hashBody: Uint8Array = (() => {
  const at = locals(1)
  const code = [
    ...[...get(0), ...repr, ...i32(byText), ...op.eq, ...op.if, ...scan(0, at), ...get(at.digits), ...op.wrap, ...op.return, ...op.end],
    ...[...get(0), ...integer, ...set(at.digits)],
    ...[...get(at.digits), ...i64(0), ...op.ltS64, ...op.if, ...i64(0), ...get(at.digits), ...op.sub64, ...set(at.digits), ...op.end],
    ...[...op.block, ...get(at.digits), ...op.eqz64, ...brIf(0), ...op.loop],
    ...[...get(at.digits), ...i64(10), ...op.remU64, ...op.eqz64, ...op.eqz, ...brIf(1)],
    ...[...get(at.digits), ...i64(10), ...op.divU64, ...set(at.digits), ...br(0), ...op.end, ...op.end],
    ...[...get(at.digits), ...op.wrap, ...op.end],
  ]
  return Uint8Array.from([2, ...declared, ...code])
})()

/** No array has a place beyond. */
const maxPlace = 0x3fff_ffff

/** The body of (container, key), before which a number that is the place in an array becomes a plain one; no place gives no value. */
function prefixed(body: Uint8Array, toInt: number): Uint8Array {
  const reader = new LebReader(body, 0)
  const groups = reader.u32()
  let count = 0
  const from = reader.at
  for (let left = groups; left > 0; left -= 1) {
    count += reader.u32()
    reader.byte()
  }
  const own = body.subarray(from, reader.at)
  const rest = new LebReader(body, 0)
  skipLocals(rest)
  const at = locals(2 + count)
  const nowhere = [...i32(0), ...op.return]
  const tooFar = [...get(at.digits), ...i64(maxPlace), ...op.gtU64]
  const code = [
    ...op.block,
    ...[...get(0), ...op.eqz, ...brIf(0), ...get(0), ...type, ...i32(array), ...op.ne, ...brIf(0)],
    ...[...get(1), ...type, ...i32(number), ...op.ne, ...brIf(0)],
    ...[...get(1), ...repr, ...i32(byText), ...op.ne, ...op.if],
    ...[...get(1), ...integer, ...i64(maxPlace), ...op.gtU64, ...op.if, ...nowhere, ...op.end, ...br(1), ...op.end],
    ...scan(1, at),
    // As OPA's util.Atoi64 has it: no exponent, and no more than nineteen characters behind the sign.
    ...[...i32(57), ...get(at.char), ...op.ltU, ...op.if, ...nowhere, ...op.end],
    ...[...i32(19), ...get(1), ...textLength, ...get(1), ...textStart, ...byte, ...i32(45), ...op.eq, ...op.sub],
    ...[...op.ltU, ...op.if, ...nowhere, ...op.end],
    ...[...get(at.digits), ...op.eqz64, ...op.if, ...i64(0), ...call(toInt), ...set(1), ...br(1), ...op.end],
    // Below zero, between two places, or beyond every array.
    ...[...get(1), ...textStart, ...byte, ...i32(45), ...op.eq, ...op.if, ...nowhere, ...op.end],
    ...[...get(at.exponent), ...i32(0), ...op.ltS, ...op.if, ...nowhere, ...op.end],
    ...[...op.block, ...op.loop],
    ...[...tooFar, ...op.if, ...nowhere, ...op.end],
    ...[...get(at.exponent), ...op.eqz, ...brIf(1)],
    ...[...get(at.digits), ...i64(10), ...op.mul64, ...set(at.digits)],
    ...[...get(at.exponent), ...i32(1), ...op.sub, ...set(at.exponent), ...br(0), ...op.end, ...op.end],
    ...[...get(at.odd), ...op.if, ...get(at.digits), ...call(toInt), ...set(1), ...op.end],
    ...op.end,
  ]
  return Buffer.concat([Uint8Array.from(unsigned(groups + 2)), own, Uint8Array.from([...declared, ...code]), rest.rest()])
}
