/** Which of OPA's ABIs a policy is for, read from the bytes: nothing of the module is run. */

import { LebReader } from './leb.ts'
import { readImports, readSections, sections } from './sections.ts'

export interface Abi {
  readonly major: number
  readonly minor: number
}

const names = { major: 'opa_wasm_abi_version', minor: 'opa_wasm_abi_minor_version' } as const

/** What the runtime here can speak: `runtime.ts`. */
export function isKnownAbi(abi: Abi | null): boolean {
  return abi !== null && abi.major === 1 && abi.minor >= 2
}

/** `null`: no policy that OPA made, or none that can be read. Never throws. */
export function abiOf(wasm: Uint8Array): Abi | null {
  try {
    const module = readSections(wasm)
    const { globals: imported } = readImports(module, null)
    const constants = constantsIn(module.get(sections.global))
    const exported = globalsIn(module.get(sections.export))
    const value = (name: string) => constants[(exported.get(name) ?? Number.NaN) - imported]
    const major = value(names.major)
    return major === undefined ? null : { major, minor: value(names.minor) ?? 0 }
  } catch {
    return null
  }
}

/** The value of each global that is an `i32.const`. Reading ends at the first that is something else. */
function constantsIn(body: Uint8Array | undefined): readonly number[] {
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  const found: number[] = []
  for (let left = reader.u32(); left > 0; left -= 1) {
    const [type, , opcode] = [reader.byte(), reader.byte(), reader.byte()]
    if (type !== 0x7f || opcode !== 0x41) break
    found.push(reader.i32())
    reader.byte()
  }
  return found
}

/** Index by name. */
function globalsIn(body: Uint8Array | undefined): ReadonlyMap<string, number> {
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  const found = new Map<string, number>()
  for (let left = reader.u32(); left > 0; left -= 1) {
    const name = reader.name()
    const kind = reader.byte()
    const index = reader.u32()
    if (kind === 0x03) found.set(name, index)
  }
  return found
}
