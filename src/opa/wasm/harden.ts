/** A compiled policy made fit to face hostile input: it cannot run for ever, finds equal numbers equal, and its built-in functions are OPA’s. */

import { withMeter } from './meter.ts'
import { withEqualNumbers } from './numbers.ts'
import { withOwnBuiltins } from './own-builtins.ts'
import { policyHook } from './runtime.ts'
import { readBodies, readFunctionNames, readImports, readSections, sections, writeSections } from './sections.ts'
import { withStack } from './stack.ts'

/** Throws where the module is not a policy, or its encoding is unknown: what cannot be hardened does not run. */
export function harden(wasm: Uint8Array): Uint8Array {
  const module = readSections(wasm)
  const { functions: imported, byName: imports, hook } = readImports(module, policyHook)
  const names = readFunctionNames(wasm)
  const sound = withMeter(withStack(withEqualNumbers(module, imported, names)), policyHook)
  return writeSections(withOwnBuiltins(sound, { imported, imports, hook, names, original: readBodies(module.get(sections.code)) }))
}
