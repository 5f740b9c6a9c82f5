/** OPA's own library of built-in functions (rego/compiler/builtins), in a WebAssembly instance without any access to the host. */
import { WASI } from 'node:wasi'
import { fuelExport, outOfFuel } from '../wasm/index.ts'

/** The import of the library that its meter calls as well: no exit code is negative. */
export const libraryHook = 'wasi_snapshot_preview1.proc_exit'
const ticks = 1_000_000

interface Exports {
  readonly memory: WebAssembly.Memory
  readonly sallyport_fuel: { value: number }
  reserve(size: number): number
  resolve(size: number): number
  begin(seconds: number, nanos: number, size: number): void
  call(number: number, size: number): number
  answerAddress(): number
  answerLength(): number
}

export type Outcome = { readonly kind: 'defined' | 'failed' | 'halted'; readonly text: string } | { readonly kind: 'undefined' }
const kinds = ['defined', 'undefined', 'failed', 'halted'] as const

export interface Library {
  /**
   * Starts an evaluation: one clock (milliseconds since the epoch) and one cache for all of its calls. `onTicks` is called
   * from time to time during its calls, and throws to stop a call. `runtime` is JSON.
   */
  begin(atMs: number, onTicks: () => void, runtime?: string): void
  /** Throws what `onTicks` throws. */
  call(name: string, operands: readonly string[]): Outcome
}

/**
 * Takes 0.1 to 0.2 s on the calling thread and 60 MB: make it before it is needed, and share it.
 * An instance that was stopped in the middle cannot be called again: it is replaced at once, in the time of the caller that caused it.
 */
export function createLibrary(module: WebAssembly.Module): Library {
  let current: Library | null = start(module)
  return {
    begin(atMs, onTicks, runtime) {
      current ??= start(module)
      current.begin(atMs, onTicks, runtime)
    },
    call(name, operands) {
      if (current === null) throw new Error('no evaluation has begun')
      try {
        return current.call(name, operands)
      } catch (error) {
        current = null
        current = start(module)
        throw error
      }
    },
  }
}

function start(module: WebAssembly.Module): Library {
  let tick = () => {}
  const wasi = new WASI({ version: 'preview1', args: [], env: {}, preopens: {}, returnOnExit: true })
  const imports = wasi.getImportObject() as WebAssembly.Imports
  const exit = imports['wasi_snapshot_preview1']?.['proc_exit'] as (code: number) => void
  const instance = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: {
      ...imports['wasi_snapshot_preview1'],
      proc_exit(code: number) {
        if (code !== outOfFuel) return exit(code)
        tick()
        exports[fuelExport].value = ticks
      },
    },
  })
  const exports = instance.exports as unknown as Exports
  wasi.initialize(instance)
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const numbers = new Map<string, number>()

  function write(parts: readonly Uint8Array[], prefixed: boolean): number {
    const size = parts.reduce((sum, { length }) => sum + length + (prefixed ? 4 : 0), 0)
    let at = exports.reserve(size)
    const memory = new DataView(exports.memory.buffer)
    const bytes = new Uint8Array(exports.memory.buffer)
    for (const part of parts) {
      if (prefixed) {
        memory.setUint32(at, part.length, true)
        at += 4
      }
      bytes.set(part, at)
      at += part.length
    }
    return size
  }

  function numberOf(name: string): number {
    let found = numbers.get(name)
    if (found === undefined) {
      found = exports.resolve(write([encoder.encode(name)], false))
      if (found < 0) throw new Error(`the built-in function ${name} does not exist in this version of OPA`)
      numbers.set(name, found)
    }
    return found
  }

  return {
    begin(atMs, onTicks, runtime = '') {
      tick = onTicks
      exports.begin(Math.floor(atMs / 1000), Math.round((atMs % 1000) * 1_000_000), write([encoder.encode(runtime)], false))
    },
    call(name, operands) {
      const number = numberOf(name)
      const size = write(
        operands.map((operand) => encoder.encode(operand)),
        true,
      )
      const kind = kinds[exports.call(number, size)] ?? 'halted'
      if (kind === 'undefined') return { kind }
      const at = exports.answerAddress()
      return { kind, text: decoder.decode(new Uint8Array(exports.memory.buffer, at, exports.answerLength())) }
    },
  }
}
