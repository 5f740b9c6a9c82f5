/** Lets the host put the C stack of a policy's instance back to its beginning: an evaluation that was stopped leaves it where it was. */

import { LebReader, unsigned } from './leb.ts'
import { opcodes } from './opcodes.ts'
import { appended, readImports, type Sections, sections } from './sections.ts'

/** The exported global: the address of the top of the stack. */
const stackExport = 'sallyport_stack'

/**
 * The module with its stack pointer exported: the only global of its own that changes. With memory as it was as well, an
 * instance is as new. One that has other such globals, or of another make, stays as it is, and its instances are made anew.
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
