/** What a WebAssembly module imports: imported functions and globals come first in the numbering of all (W3C WebAssembly Core 2.0, §5.5.5). */
import { LebReader } from './leb.ts'
import { type Sections, sections } from './sections.ts'

export interface Imports {
  readonly functions: number
  /** Index of each by `module.name`. */
  readonly byName: ReadonlyMap<string, number>
  readonly globals: number
  /** Index of the function looked for. */
  readonly hook: number
}

/** `hook` is `module.name` of a function, or `null`: none is looked for. Throws where the module does not import it, or imports what is unknown here. */
export function readImports(module: Sections, hook: string | null): Imports {
  const reader = new LebReader(module.get(sections.import) ?? Uint8Array.of(0), 0)
  const byName = new Map<string, number>()
  let count = 0
  let globals = 0
  for (let left = reader.u32(); left > 0; left -= 1) {
    const name = `${reader.name()}.${reader.name()}`
    const kind = reader.byte()
    if (kind === 0) {
      byName.set(name, count)
      count += 1
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
  const found = hook === null ? -1 : byName.get(hook)
  if (found === undefined) throw new Error(`the module does not import ${hook}`)
  return { hook: found, functions: count, byName, globals }
}
