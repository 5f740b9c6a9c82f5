/** The built-in functions that OPA's compiler put into a policy's WebAssembly, called directly. */
import { unsigned } from './leb.ts'
import { appended, readFunctionNames, readSections, sections, writeSections } from './sections.ts'
import { wasmBuiltins } from './wasm-builtins.ts'

/**
 * What a function returns: a value in OPA's text form, or `null` where it is undefined. `undefined`: the module does not contain the function.
 * Unbounded in time, and after a throw or a value of another's memory not to be called again.
 */
export type Inside = (name: string, operands: readonly string[]) => string | null | undefined

interface Exports {
  opa_malloc(size: number): number
  opa_value_parse(address: number, length: number): number
  opa_value_dump(value: number): number
}

const pages = { initial: 8, maximum: 1024 }

/** `wasm`: as the compiler made it. Throws where it is not a policy. */
export function createInside(wasm: Uint8Array): Inside {
  const names = new Map([...readFunctionNames(wasm)].map(([index, name]) => [name, index]))
  const present = Object.keys(wasmBuiltins).flatMap((id) => {
    const index = names.get(id)
    return index === undefined ? [] : [{ id, index }]
  })
  const module = readSections(wasm)
  const added = present.map(({ id, index }) => exported(`${prefix}${id}`, index))
  const shown = writeSections(new Map([...module, [sections.export, appended(module.get(sections.export), added)]]))
  const memory = new WebAssembly.Memory(pages)
  const unanswered = () => {
    throw new Error('a function inside the WebAssembly asks its host')
  }
  const builtins = Object.fromEntries([0, 1, 2, 3, 4].map((count) => [`opa_builtin${count}`, unanswered]))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(shown), {
    env: { memory, opa_abort: unanswered, opa_println() {}, ...builtins },
  })
  const exports = instance.exports as unknown as Exports
  const functions = instance.exports as unknown as Readonly<Record<string, (...operands: number[]) => number>>
  const encoder = new TextEncoder()
  const idOf = (name: string) => present.find(({ id }) => wasmBuiltins[id]?.name === name)?.id

  function parse(text: string): number {
    const encoded = encoder.encode(text)
    const address = exports.opa_malloc(encoded.length)
    new Uint8Array(memory.buffer).set(encoded, address)
    return exports.opa_value_parse(address, encoded.length)
  }

  function dump(value: number): string {
    const address = exports.opa_value_dump(value)
    const bytes = new Uint8Array(memory.buffer)
    return new TextDecoder().decode(bytes.subarray(address, bytes.indexOf(0, address)))
  }

  return (name, operands) => {
    const id = idOf(name)
    if (id === undefined) return undefined
    const value = functions[`${prefix}${id}`]?.(...operands.map(parse)) ?? 0
    return value === 0 ? null : dump(value)
  }
}

const prefix = 'sallyport.'

/** An entry of the export section (W3C WebAssembly Core 2.0, §5.5.10). */
function exported(name: string, index: number): Uint8Array {
  const bytes = new TextEncoder().encode(name)
  return Uint8Array.from([...unsigned(bytes.length), ...bytes, 0, ...unsigned(index)])
}
