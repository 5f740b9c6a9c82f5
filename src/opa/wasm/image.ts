/** Documents as a policy's memory holds them: parsed once, then copied to the same address wherever they are needed. */
import { createRuntime, type Host, pageBytes, type Runtime } from './runtime.ts'

/** Memory as it is before any document. */
export interface Base {
  readonly module: WebAssembly.Module
  readonly memory: Uint8Array
  /** Where documents begin. */
  readonly heapStart: number
  /**
   * Where the policy keeps how large its memory is. It counts the pages that it asked for itself, so it must be told of those
   * that its host adds: it would ask for each of them once more, and run out of what an evaluation may use.
   */
  readonly sizeAddresses: readonly number[]
  readonly entrypoints: Readonly<Record<string, number>>
  readonly builtins: readonly string[]
  /** As of `Runtime`. */
  readonly neverInside: readonly string[]
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
  /** Throws on a text that is not a JSON document. */
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
  const started = (initial: number) => createRuntime(module, new WebAssembly.Memory({ initial, maximum: loadingPages }), unable)
  const runtime = started(initialPages)
  const heapStart = aligned(runtime.exports.opa_heap_ptr_get())
  const memory = new Uint8Array(runtime.memory.buffer.slice(0))
  const base: Base = {
    module,
    memory,
    heapStart,
    sizeAddresses: sizeAddressesIn(memory, started(initialPages + 1).bytes()),
    entrypoints: runtime.entrypoints,
    builtins: runtime.builtins,
    neverInside: runtime.neverInside,
  }
  return {
    base,
    load(json) {
      until = performance.now() + maxMs
      return load(runtime, base, json)
    },
  }
}

/** OPA's policies bring two; what is left of these stands for nothing. */
const initialPages = 8

/** Of a policy that starts in the first memory and in one that is a page larger: where each says its own size. */
function sizeAddressesIn(memory: Uint8Array, larger: Uint8Array): number[] {
  const [first, other] = [memory, larger].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as [
    DataView,
    DataView,
  ]
  const found: number[] = []
  for (let at = 0; at + 4 <= memory.byteLength; at += 4)
    if (first.getUint32(at, true) === memory.byteLength && other.getUint32(at, true) === larger.byteLength) found.push(at)
  return found
}

/** Tells the policy how large its memory is by now. */
export function tellSize({ sizeAddresses }: Base, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  for (const address of sizeAddresses) view.setUint32(address, bytes.byteLength, true)
}

function load(runtime: Runtime, base: Base, json: string): Image {
  const { heapStart } = base
  const { exports, memory, bytes } = runtime
  const text = new TextEncoder().encode(json)
  exports.opa_heap_ptr_set(heapStart)
  // The text stands behind all that its values can take up (they are at most about fifty times as large), and is left behind.
  const room = heapStart + pageBytes + Math.min(text.length * 64, 512 * 1024 * 1024)
  const wanted = room + text.length - bytes().byteLength
  if (wanted > 0) {
    memory.grow(Math.ceil(wanted / pageBytes))
    tellSize(base, bytes())
  }
  bytes().set(text, room)
  const root = exports.opa_json_parse(room, text.length)
  if (root === 0) throw new Error('a document for the policy is not JSON')
  const end = aligned(exports.opa_heap_ptr_get())
  if (end > room) throw new Error('a document for the policy is too large')
  return { bytes: bytes().slice(heapStart, end), root }
}

function aligned(address: number): number {
  return Math.ceil(address / alignment) * alignment
}
