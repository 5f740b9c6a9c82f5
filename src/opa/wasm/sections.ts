/** A WebAssembly module as its sections (W3C WebAssembly Core 2.0, §5.5), taken apart and put together again. */
import { LebReader, unsigned } from './leb.ts'

export const sections = { type: 1, import: 2, function: 3, global: 6, export: 7, code: 10, data: 11 } as const

/** Section bodies by id; custom sections (names, debugging) are left out. */
export type Sections = ReadonlyMap<number, Uint8Array>

const preamble = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)

/** Throws where `wasm` is not a module of version 1. */
export function readSections(wasm: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>()
  for (const { id, body } of sectionsOf(wasm)) if (id !== 0) found.set(id, body)
  return found
}

export function writeSections(module: Sections): Uint8Array {
  const parts: Uint8Array[] = [preamble]
  for (const [id, body] of ordered(module)) parts.push(Uint8Array.from([id, ...unsigned(body.length)]), body)
  return Buffer.concat(parts)
}

/** Names of functions by their index, as far as the module gives them (§7.4.1, the custom section `name`). */
export function readFunctionNames(wasm: Uint8Array): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const { id, body } of sectionsOf(wasm)) {
    if (id !== 0) continue
    const reader = new LebReader(body, 0)
    if (reader.name() !== 'name') continue
    while (!reader.done) {
      const isFunctions = reader.byte() === 1
      const part = new LebReader(reader.bytes(reader.u32()), 0)
      if (isFunctions) for (let left = part.u32(); left > 0; left -= 1) names.set(part.u32(), part.name())
    }
  }
  return names
}

/** How many entries a section's vector has. */
export function countOf(body: Uint8Array | undefined): number {
  return body === undefined ? 0 : new LebReader(body, 0).u32()
}

/** The vector with further entries behind its own. */
export function appended(body: Uint8Array | undefined, entries: readonly Uint8Array[]): Uint8Array {
  const reader = new LebReader(body ?? Uint8Array.of(0), 0)
  const count = reader.u32()
  return Buffer.concat([Uint8Array.from(unsigned(count + entries.length)), reader.rest(), ...entries])
}

/** The bodies of the code section, each without its length. */
export function readBodies(code: Uint8Array | undefined): readonly Uint8Array[] {
  const reader = new LebReader(code ?? Uint8Array.of(0), 0)
  const bodies: Uint8Array[] = []
  for (let left = reader.u32(); left > 0; left -= 1) bodies.push(reader.bytes(reader.u32()))
  return bodies
}

export function writeBodies(bodies: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(unsigned(bodies.length))]
  for (const body of bodies) parts.push(Uint8Array.from(unsigned(body.length)), body)
  return Buffer.concat(parts)
}

function* sectionsOf(wasm: Uint8Array): Generator<{ id: number; body: Uint8Array }> {
  if (!preamble.every((byte, index) => wasm[index] === byte)) throw new Error('this is not a WebAssembly module of version 1')
  const reader = new LebReader(wasm, preamble.length)
  while (!reader.done) {
    const id = reader.byte()
    yield { id, body: reader.bytes(reader.u32()) }
  }
}

/** Sections stand in the order of their ids, except that 12 (data count) and 13 (tags) stand before 10 and 6. */
function ordered(module: Sections): [number, Uint8Array][] {
  const place = (id: number) => (id === 12 ? 9.5 : id === 13 ? 5.5 : id)
  return [...module].sort(([a], [b]) => place(a) - place(b))
}

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
