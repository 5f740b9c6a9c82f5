/** What a WebAssembly module imports: imported functions and globals come first in the numbering of all (W3C WebAssembly Core 2.0, §5.5.5). */
import { LebReader } from './leb.ts'
import { type Sections, sections } from './sections.ts'

export interface Imports {
  readonly functions: number
  readonly globals: number
  /** Index of the function looked for. */
  readonly hook: number
}

/** `hook` is `module.name` of a function, or `null`: none is looked for. Throws where the module does not import it, or imports what is unknown here. */
export function readImports(module: Sections, hook: string | null): Imports {
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
  if (hook !== null && found < 0) throw new Error(`the module does not import ${hook}`)
  return { hook: found, functions, globals }
}
