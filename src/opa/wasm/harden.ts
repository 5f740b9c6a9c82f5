/** A compiled policy that is fit for hostile input: it cannot run forever, equal numbers are equal, its built-in functions are OPA’s, and its stack can be reset. */

import { LebReader, unsigned } from './leb.ts'
import { withMeter } from './meter.ts'
import { withEqualNumbers } from './numbers.ts'
import { opcodes } from './opcodes.ts'
import { withOwnBuiltins } from './own-builtins.ts'
import { policyHook } from './runtime.ts'
import { appended, readBodies, readFunctionNames, readImports, readSections, type Sections, sections, writeSections } from './sections.ts'

/** Throws where the module is not a policy, or its encoding is unknown: what cannot be hardened does not run. */
export function harden(wasm: Uint8Array): Uint8Array {
  const module = readSections(wasm)
  const { functions: imported, byName: imports, hook } = readImports(module, policyHook)
  const names = readFunctionNames(wasm)
  const sound = withMeter(withStack(withEqualNumbers(module, imported, names)), policyHook)
  return writeSections(withOwnBuiltins(sound, { imported, imports, hook, names, original: readBodies(module.get(sections.code)) }))
}

/** The exported global: the address of the top of the stack. */
const stackExport = 'sallyport_stack'

/**
 * The module with its stack pointer exported: the only global of its own that changes. With memory as it was as well, an
 * instance is as new. One that has other such globals, or of another make, stays as it is, and its instances are made again.
 */
export function withStack(module: Sections): Map<number, Uint8Array> {
  const changing = changingGlobals(module.get(sections.global))
  const [index] = changing ?? []
  if (changing?.length !== 1 || index === undefined) return new Map(module)
  const name = new TextEncoder().encode(stackExport)
  const entry = Uint8Array.from([...unsigned(name.length), ...name, 0x03, ...unsigned(readImports(module, null).globals + index)])
  return new Map([...module, [sections.export, appended(module.get(sections.export), [entry])]])
}

/** `null` where one of the globals is not an i32 that begins as a constant. */
function changingGlobals(body: Uint8Array | undefined): readonly number[] | null {
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  const found: number[] = []
  const count = reader.u32()
  for (let index = 0; index < count; index += 1) {
    const [type, mutable] = [reader.byte(), reader.byte()]
    if (type !== 0x7f || reader.byte() !== opcodes.i32Const) return null
    reader.skipInteger()
    if (reader.byte() !== opcodes.end) return null
    if (mutable === 1) found.push(index)
  }
  return found
}
