/** Documents as a policy's memory holds them: parsed once, then copied to the same address wherever they are needed. */
import { createRuntime, type Host, pageBytes, type Runtime } from './runtime.ts'

/** Memory as it is before any document. */
export interface Base {
  readonly module: WebAssembly.Module
  readonly memory: Uint8Array
  /** Where documents begin. */
  readonly heapStart: number
  readonly entrypoints: Readonly<Record<string, number>>
  readonly builtins: readonly string[]
}

/** Plain bytes for the addresses from `Base.heapStart` on, and the address of the document in them. */
export interface Image {
  readonly bytes: Uint8Array
  readonly root: number
}

/** 2 GiB, while documents are loaded. */
const loadingPages = 32_768
const alignment = 8
/** What OPA's compiler made loads 64 MB in some seconds; what others made may never end. */
const maxLoadingMs = 30_000

export interface Loader {
  readonly base: Base
  /** Throws on a text that is no JSON document. */
  load(json: string): Image
}

/** Throws on a module that does not load in time. */
export function createLoader(module: WebAssembly.Module, maxMs: number = maxLoadingMs): Loader {
  let until = performance.now() + maxMs
  const unable: Host = {
    callBuiltin: (name) => {
      throw new Error(`${name} is called while a document is loaded`)
    },
    onTicks() {
      if (performance.now() > until) throw new Error(`the policy’s WebAssembly takes longer than ${maxMs} ms to load a document`)
    },
    onFailed: () => {},
  }
  const runtime = createRuntime(module, new WebAssembly.Memory({ initial: 8, maximum: loadingPages }), unable)
  const heapStart = aligned(runtime.exports.opa_heap_ptr_get())
  const base: Base = {
    module,
    memory: new Uint8Array(runtime.memory.buffer.slice(0)),
    heapStart,
    entrypoints: runtime.entrypoints,
    builtins: runtime.builtins,
  }
  return {
    base,
    load(json) {
      until = performance.now() + maxMs
      return load(runtime, heapStart, json)
    },
  }
}

function load(runtime: Runtime, heapStart: number, json: string): Image {
  const { exports, memory, bytes } = runtime
  const text = new TextEncoder().encode(json)
  exports.opa_heap_ptr_set(heapStart)
  // The text stands behind all that its values can take up (they are at most about fifty times as large), and is left behind.
  const room = heapStart + pageBytes + Math.min(text.length * 64, 512 * 1024 * 1024)
  const wanted = room + text.length - bytes().byteLength
  if (wanted > 0) memory.grow(Math.ceil(wanted / pageBytes))
  bytes().set(text, room)
  const root = exports.opa_json_parse(room, text.length)
  if (root === 0) throw new Error('a document for the policy is no JSON')
  const end = aligned(exports.opa_heap_ptr_get())
  if (end > room) throw new Error('a document for the policy is too large')
  return { bytes: bytes().slice(heapStart, end), root }
}

function aligned(address: number): number {
  return Math.ceil(address / alignment) * alignment
}
