/** Puts a meter into a WebAssembly module, so that no loop and no recursion in it can run for ever. */
import { LebReader, signed, unsigned } from './leb.ts'
import { skipInstruction } from './opcodes.ts'

/** The exported global: how many ticks are left until the hook is called. */
export const fuelExport = 'sallyport_fuel'
/** The argument with which the hook (an import that the module has anyway) is called when the ticks are used up. */
export const outOfFuel = -1

export const sections = { import: 2, global: 6, export: 7, code: 10 } as const
const opcodes = { loop: 0x03, call: 0x10, callIndirect: 0x11, end: 0x0b } as const

/**
 * Each turn of a loop and each entry of a function that calls others costs one tick. At zero ticks the imported function
 * `hook` (`module.name`, of one i32, no result) is called with `outOfFuel`; it sets the exported global anew, or throws.
 * Throws on an encoding that it does not know: what cannot be metered is not run.
 */
export function meter(wasm: Uint8Array, hook: string): Uint8Array {
  const module = readSections(wasm)
  const imports = countImports(module, hook)
  if (imports.hook < 0) throw new Error(`the module does not import ${hook}`)
  const global = imports.globals + count(module.get(sections.global))
  const parts: Uint8Array[] = [wasm.subarray(0, 8)]
  for (const [id, body] of ordered(module)) {
    if (id === sections.global) parts.push(...section(id, appended(body, fuelGlobal)))
    else if (id === sections.export) parts.push(...section(id, appended(body, exportOf(global))))
    else if (id === sections.code) parts.push(...section(id, meterCode(body, { hook: imports.hook, global })))
    else parts.push(...section(id, body))
  }
  return Buffer.concat(parts)
}

/** Section bodies by id, in the order of the file; custom sections (names, debugging) are left out. */
export function readSections(wasm: Uint8Array): Map<number, Uint8Array> {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  if (!magic.every((byte, index) => wasm[index] === byte)) throw new Error('this is no WebAssembly module of version 1')
  const found = new Map<number, Uint8Array>()
  const reader = new LebReader(wasm, 8)
  while (!reader.done) {
    const id = reader.byte()
    const body = reader.bytes(reader.u32())
    if (id !== 0) found.set(id, body)
  }
  for (const id of [sections.global, sections.export]) if (!found.has(id)) found.set(id, Uint8Array.of(0))
  return found
}

/** Sections stand in the order of their ids, except that 12 (data count) and 13 (tags) stand before 10 and 6. */
function ordered(module: Map<number, Uint8Array>): [number, Uint8Array][] {
  const place = (id: number) => (id === 12 ? 9.5 : id === 13 ? 5.5 : id)
  return [...module].sort(([a], [b]) => place(a) - place(b))
}

/** `hook`: the index of that function; -1 where it is not imported. */
export function countImports(module: Map<number, Uint8Array>, hook = ''): { hook: number; globals: number } {
  const reader = new LebReader(module.get(sections.import) ?? Uint8Array.of(0), 0)
  let functions = 0
  let globals = 0
  let found = -1
  for (let left = reader.u32(); left > 0; left -= 1) {
    const name = `${reader.name()}.${reader.name()}`
    const kind = reader.byte()
    if (kind === 0) {
      if (name === hook) found = functions
      functions += 1
      reader.u32()
    } else if (kind === 1) {
      reader.byte()
      reader.limits()
    } else if (kind === 2) reader.limits()
    else if (kind === 3) {
      reader.bytes(2)
      globals += 1
    } else throw new Error(`an import of the unknown kind ${kind}`)
  }
  return { hook: found, globals }
}

/** A mutable i32; what it begins with is for the module's own start function. */
const fuelGlobal = Uint8Array.from([0x7f, 0x01, 0x41, ...signed(1_000_000), opcodes.end])

function exportOf(global: number): Uint8Array {
  const name = new TextEncoder().encode(fuelExport)
  return Uint8Array.from([...unsigned(name.length), ...name, 0x03, ...unsigned(global)])
}

function count(body: Uint8Array | undefined): number {
  return body === undefined ? 0 : new LebReader(body, 0).u32()
}

function appended(body: Uint8Array, entry: Uint8Array): Uint8Array {
  const reader = new LebReader(body, 0)
  const entries = reader.u32()
  return Buffer.concat([Uint8Array.from(unsigned(entries + 1)), body.subarray(reader.at), entry])
}

function section(id: number, body: Uint8Array): Uint8Array[] {
  return [Uint8Array.from([id, ...unsigned(body.length)]), body]
}

function meterCode(body: Uint8Array, { hook, global }: { hook: number; global: number }): Uint8Array {
  const reader = new LebReader(body, 0)
  const functions = reader.u32()
  const g = unsigned(global)
  // if (fuel == 0) hook(outOfFuel); fuel -= 1
  const tick = Uint8Array.from([
    ...[0x23, ...g, 0x45, 0x04, 0x40, 0x41, ...signed(outOfFuel), opcodes.call, ...unsigned(hook), opcodes.end],
    ...[0x23, ...g, 0x41, 0x01, 0x6b, 0x24, ...g],
  ])
  const parts: Uint8Array[] = [Uint8Array.from(unsigned(functions))]
  for (let left = functions; left > 0; left -= 1) {
    const metered = meterFunction(reader.bytes(reader.u32()), tick)
    parts.push(Uint8Array.from(unsigned(metered.length)), metered)
  }
  return Buffer.concat(parts)
}

function meterFunction(body: Uint8Array, tick: Uint8Array): Uint8Array {
  const reader = new LebReader(body, 0)
  for (let groups = reader.u32(); groups > 0; groups -= 1) {
    reader.u32()
    reader.byte()
  }
  const start = reader.at
  const loops: number[] = []
  let calls = false
  while (!reader.done) {
    const opcode = skipInstruction(reader)
    if (opcode === opcodes.loop) loops.push(reader.at)
    else if (opcode === opcodes.call || opcode === opcodes.callIndirect) calls = true
  }
  if (loops.length === 0 && !calls) return body
  const parts: Uint8Array[] = []
  let from = 0
  for (const at of calls ? [start, ...loops] : loops) {
    parts.push(body.subarray(from, at), tick)
    from = at
  }
  return Buffer.concat([...parts, body.subarray(from)])
}
