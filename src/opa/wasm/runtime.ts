/** One instance of a compiled policy and the memory it works in, spoken to by OPA's Wasm ABI 1.2 and 1.3. */
import { isKnownAbi } from './abi.ts'
import { fuelExport, outOfFuel } from './meter.ts'
import { type Asked, askedBuiltin, askedSection, failedBuiltin } from './own-builtins.ts'

/** What the policy asks of its host by name; operands and answer are values as text, `null` where the answer is undefined. */
export type CallBuiltin = (name: string, operands: readonly string[]) => string | null

export interface Host {
  readonly callBuiltin: CallBuiltin
  /** Called each time the ticks are used up; throws to stop the evaluation. */
  readonly onTicks: () => void
  /** A built-in function inside the policy failed: throws to stop the evaluation, or leaves its expression undefined. */
  readonly onFailed: (builtin: string) => void
}

interface Exports {
  readonly sallyport_fuel: { value: number }
  readonly sallyport_stack?: { value: number }
  readonly opa_wasm_abi_version?: { readonly value: number }
  readonly opa_wasm_abi_minor_version?: { readonly value: number }
  opa_malloc(size: number): number
  opa_heap_ptr_get(): number
  opa_heap_ptr_set(address: number): void
  opa_json_parse(address: number, length: number): number
  opa_json_dump(value: number): number
  opa_value_parse(address: number, length: number): number
  opa_value_dump(value: number): number
  opa_value_add_path(root: number, path: number, value: number): number
  opa_eval_ctx_new(): number
  opa_eval_ctx_set_data(context: number, data: number): void
  opa_eval_ctx_set_input(context: number, input: number): void
  opa_eval_ctx_set_entrypoint(context: number, entrypoint: number): void
  opa_eval_ctx_get_result(context: number): number
  eval(context: number): number
  opa_eval(reserved: number, entrypoint: number, data: number, input: number, inputLength: number, heap: number, format: number): number
  builtins(): number
  entrypoints(): number
}

export const pageBytes = 64 * 1024
/** The module's import that is called for our own ends as well: `opa_abort(address)`, of which no address is negative. */
export const policyHook = 'env.opa_abort'
/** So many ticks pass between two looks at the clock: a fraction of a millisecond. */
const ticks = 100_000

export interface Runtime {
  readonly exports: Exports
  readonly memory: WebAssembly.Memory
  readonly entrypoints: Readonly<Record<string, number>>
  /** Names of the functions that the policy asks of its host. */
  readonly builtins: readonly string[]
  /** Those of them that the policy's WebAssembly answers in no case, though others' does. */
  readonly neverInside: readonly string[]
  bytes(): Uint8Array
  /** The text that ends at the next zero byte. */
  text(address: number): string
  /** The address of the value that a text describes; throws on a text that describes none. */
  parse(text: string): number
}

/** Throws on a module that is not an OPA policy of ABI 1.2 or later. */
export function createRuntime(module: WebAssembly.Module, memory: WebAssembly.Memory, host: Host): Runtime {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  let view = new Uint8Array(memory.buffer)
  const bytes = () => {
    // Growing detaches the old buffer.
    if (view.byteLength !== memory.buffer.byteLength) view = new Uint8Array(memory.buffer)
    return view
  }
  const text = (address: number) => {
    const all = bytes()
    return decoder.decode(all.subarray(address, all.indexOf(0, address)))
  }
  let names: readonly string[] = []
  let started = false

  function builtin(id: number, ...operands: number[]): number {
    const answer = host.callBuiltin(
      (id < 0 ? askedBuiltin(id) : names[id]) ?? `number ${id}`,
      operands.map((operand) => text(exports.opa_value_dump(operand))),
    )
    return answer === null ? 0 : parse(answer)
  }

  function parse(value: string): number {
    const encoded = encoder.encode(value)
    const address = exports.opa_malloc(encoded.length)
    bytes().set(encoded, address)
    const parsed = exports.opa_value_parse(address, encoded.length)
    if (parsed === 0) throw new Error('the policy cannot parse a value of its host')
    return parsed
  }

  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      opa_abort(address: number) {
        const failed = failedBuiltin(address)
        if (failed !== undefined) return host.onFailed(failed)
        if (address !== outOfFuel) throw new Error(text(address))
        if (!started) throw new Error('the policy’s WebAssembly takes too long to start')
        host.onTicks()
        exports.sallyport_fuel.value = ticks
      },
      // Print statements are compiled away.
      opa_println() {},
      opa_builtin0: (id: number) => builtin(id),
      opa_builtin1: (id: number, _context: number, a: number) => builtin(id, a),
      opa_builtin2: (id: number, _context: number, a: number, b: number) => builtin(id, a, b),
      opa_builtin3: (id: number, _context: number, a: number, b: number, c: number) => builtin(id, a, b, c),
      opa_builtin4: (id: number, _context: number, a: number, b: number, c: number, d: number) => builtin(id, a, b, c, d),
    },
  })
  const exports = instance.exports as unknown as Exports
  started = true
  const major = exports.opa_wasm_abi_version?.value
  const minor = exports.opa_wasm_abi_minor_version?.value ?? 0
  if (!isKnownAbi(major === undefined ? null : { major, minor }))
    throw new Error(
      `the policy's WebAssembly is of ${major === undefined ? 'no ABI' : `ABI ${major}.${minor}`}; expected 1.2 or later of 1`,
    )
  if (exports[fuelExport] === undefined) throw new Error('the policy’s WebAssembly has no meter')
  const ids = JSON.parse(text(exports.opa_json_dump(exports.builtins()))) as Record<string, number>
  names = Object.keys(ids).reduce<string[]>((list, name) => {
    list[ids[name] as number] = name
    return list
  }, [])
  const entrypoints = JSON.parse(text(exports.opa_json_dump(exports.entrypoints()))) as Record<string, number>
  const [listed] = WebAssembly.Module.customSections(module, askedSection)
  const { asked, never } = (listed === undefined ? { asked: [], never: [] } : JSON.parse(decoder.decode(listed))) as Asked
  return { exports, memory, entrypoints, builtins: [...Object.keys(ids), ...asked], neverInside: never, bytes, text, parse }
}
