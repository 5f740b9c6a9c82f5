/** Puts a meter into a WebAssembly module, so that no loop and no recursion in it can run forever. */

import { signed, unsigned } from './leb.ts'
import { eachInstruction, opcodes } from './opcodes.ts'
import {
  appended,
  countOf,
  readBodies,
  readImports,
  readSections,
  type Sections,
  sections,
  writeBodies,
  writeSections,
} from './sections.ts'

/** The exported global: how many ticks are left until the hook is called. */
export const fuelExport = 'sallyport_fuel'
/** The argument with which the hook (an import that the module has anyway) is called when the ticks are used up. */
export const outOfFuel = -1

/**
 * Each turn of a loop and each entry of a function that calls others costs one tick. At zero ticks the imported function
 * `hook` (`module.name`, of one i32, no result) is called with `outOfFuel`; it sets the exported global again, or throws.
 * Throws on an encoding that it does not know: what cannot be metered is not run.
 */
export function meter(wasm: Uint8Array, hook: string): Uint8Array {
  return writeSections(withMeter(readSections(wasm), hook))
}

export function withMeter(module: Sections, hook: string): Map<number, Uint8Array> {
  const imports = readImports(module, hook)
  const global = imports.globals + countOf(module.get(sections.global))
  const tick = tickOf(imports.hook, global)
  const bodies = readBodies(module.get(sections.code)).map((body) => meterFunction(body, tick))
  return new Map([
    ...module,
    [sections.global, appended(module.get(sections.global), [fuelGlobal])],
    [sections.export, appended(module.get(sections.export), [exportOf(global)])],
    [sections.code, writeBodies(bodies)],
  ])
}

/** A mutable i32; what it begins with is for the module's own start function. */
const fuelGlobal = Uint8Array.from([0x7f, 0x01, opcodes.i32Const, ...signed(1_000_000), opcodes.end])

function exportOf(global: number): Uint8Array {
  const name = new TextEncoder().encode(fuelExport)
  return Uint8Array.from([...unsigned(name.length), ...name, 0x03, ...unsigned(global)])
}

/** if (fuel == 0) hook(outOfFuel); fuel -= 1 */
function tickOf(hook: number, global: number): Uint8Array {
  const fuel = unsigned(global)
  return Uint8Array.from([
    ...[opcodes.globalGet, ...fuel, opcodes.i32Eqz, opcodes.if, opcodes.noResult],
    ...[opcodes.i32Const, ...signed(outOfFuel), opcodes.call, ...unsigned(hook), opcodes.end],
    ...[opcodes.globalGet, ...fuel, opcodes.i32Const, 0x01, opcodes.i32Sub, opcodes.globalSet, ...fuel],
  ])
}

function meterFunction(body: Uint8Array, tick: Uint8Array): Uint8Array {
  const loops: number[] = []
  let start: number | null = null
  let calls = false
  eachInstruction(body, (opcode, at, next) => {
    start ??= at
    if (opcode === opcodes.loop) loops.push(next)
    else if (opcode === opcodes.call || opcode === opcodes.callIndirect) calls = true
  })
  if (loops.length === 0 && !calls) return body
  const parts: Uint8Array[] = []
  let from = 0
  for (const at of calls ? [start ?? 0, ...loops] : loops) {
    parts.push(body.subarray(from, at), tick)
    from = at
  }
  return Buffer.concat([...parts, body.subarray(from)])
}
