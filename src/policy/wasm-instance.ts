/** One instance of a compiled policy, and how to make another of the same state: OPA's SDK loads, this evaluates. */
import { createRequire } from 'node:module'
import type { JsonObject } from '../core/index.ts'

/** What the SDK's LoadedPolicy holds (its types name only `evaluate` and `setData`). */
interface LoadedPolicy {
  readonly wasmInstance: WebAssembly.Instance
  readonly mem: WebAssembly.Memory
  dataAddr: number
  dataHeapPtr: number
  readonly entrypoints: Readonly<Record<string, number>>
  setData(data: unknown): void
}

type OpaEval = (
  reserved: number,
  entrypoint: number,
  data: number,
  input: number,
  inputLength: number,
  heap: number,
  format: number,
) => number

interface Sdk {
  loadPolicySync(
    module: WebAssembly.Module,
    memory: { initial: number; maximum: number },
    builtins: Readonly<Record<string, unknown>>,
  ): LoadedPolicy
}

const pageBytes = 64 * 1024
/** While data is loaded: 2 GiB. */
const loadingPages = 32_768

/** Memory with the data in it, to start further instances from: copying it is far cheaper than parsing the data again. */
export interface Snapshot {
  readonly module: WebAssembly.Module
  readonly memory: Uint8Array
  readonly dataAddress: number
  readonly heapStart: number
  readonly entrypoint: number
  readonly maximumPages: number
}

/**
 * Loads `data` once. `extraPages` is what an evaluation may use beyond it: a policy that loops allocates, and is stopped
 * by this bound (200 pages: about 50 ms). Throws what the SDK throws.
 */
export function takeSnapshot(module: WebAssembly.Module, data: JsonObject, entrypoint: string, extraPages: number): Snapshot {
  const loaded = load(module, { initial: 8, maximum: loadingPages })
  loaded.setData(data)
  const entry = Object.hasOwn(loaded.entrypoints, entrypoint) ? loaded.entrypoints[entrypoint] : undefined
  if (entry === undefined) throw new Error(`the policy has no entry point ${entrypoint}`)
  const memory = new Uint8Array(loaded.mem.buffer.slice(0))
  return {
    module,
    memory,
    dataAddress: loaded.dataAddr,
    heapStart: loaded.dataHeapPtr,
    entrypoint: entry,
    maximumPages: memory.byteLength / pageBytes + extraPages,
  }
}

export interface Instance {
  /** The result document's text. Throws on a conflict, a failed builtin, or memory used up; the instance is then spent. */
  evaluate(input: string): string
}

export function instantiate(snapshot: Snapshot): Instance {
  const pages = snapshot.memory.byteLength / pageBytes
  const { wasmInstance, mem: memory } = load(snapshot.module, { initial: pages, maximum: snapshot.maximumPages })
  let bytes = new Uint8Array(memory.buffer)
  bytes.set(snapshot.memory)
  const evaluate = wasmInstance.exports['opa_eval'] as OpaEval
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const { heapStart, dataAddress, entrypoint } = snapshot

  return {
    evaluate(input) {
      const room = heapStart + input.length * 3
      if (room > bytes.byteLength) {
        memory.grow(Math.ceil((room - bytes.byteLength) / pageBytes))
        bytes = new Uint8Array(memory.buffer)
      }
      const { written } = encoder.encodeInto(input, bytes.subarray(heapStart))
      const address = evaluate(0, entrypoint, dataAddress, heapStart, written, heapStart + written, 0)
      // Growing detaches the old buffer.
      if (bytes.byteLength !== memory.buffer.byteLength) bytes = new Uint8Array(memory.buffer)
      return decoder.decode(bytes.subarray(address, bytes.indexOf(0, address)))
    },
  }
}

/** `opa_println` and the SDK's own console output have no place here; print statements are compiled away. */
function load(module: WebAssembly.Module, memory: { initial: number; maximum: number }): LoadedPolicy {
  // The ESM build exports no synchronous loader; evaluation must be able to replace an instance between two requests.
  const sdk = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as Sdk
  return sdk.loadPolicySync(module, memory, {})
}
