/** Evaluates one entry point of a policy over the image of its data. */
import type { Base, Image } from './image.ts'
import { createRuntime, type Host, pageBytes, type Runtime } from './runtime.ts'

/** Whether sets stay sets in the result's text, or become arrays. */
export type ResultFormat = 'json' | 'value'

export interface Evaluator {
  /**
   * The result set's text. `input` is JSON, or `null` for none.
   * Throws on a conflict, a failed builtin, or memory or time used up; the evaluator must then be renewed, since every
   * throw leaks the instance's C stack (some hundreds would end it for good).
   */
  evaluate(data: Image, input: string | null): string
  /** As new, in the same memory. */
  renew(): void
  /** The image has room in this one's memory. */
  fits(data: Image): boolean
}

export interface EvaluatorOptions {
  readonly base: Base
  readonly host: Host
  /** Index of the entry point. */
  readonly entrypoint: number
  readonly maxImageBytes: number
  /** What an evaluation may use beyond its data. */
  readonly maxMemoryPages: number
  readonly format?: ResultFormat
}

export function createEvaluator({ base, host, entrypoint, maxImageBytes, maxMemoryPages, format = 'json' }: EvaluatorOptions): Evaluator {
  const pages = base.memory.byteLength / pageBytes
  const maximum = pages + Math.ceil(maxImageBytes / pageBytes) + maxMemoryPages
  const reserve = () => new WebAssembly.Memory({ initial: pages, maximum })
  let memory = reserve()
  let runtime = start()
  const encoder = new TextEncoder()
  const want = format === 'value' ? 1 : 0
  let shown: Image | null = null
  let inputStart = 0

  function start(): Runtime {
    const started = createRuntime(base.module, memory, host)
    started.bytes().set(base.memory)
    return started
  }

  function room(end: number): void {
    const missing = end - runtime.bytes().byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes))
  }

  return {
    fits: (data) => data.bytes.byteLength <= maxImageBytes,
    renew() {
      // Reserving address space is what makes an instance dear, so the memory is kept, unless it has grown: a new
      // instance believes that it has not, and would ask for pages that there are no more.
      if (memory.buffer.byteLength > base.memory.byteLength) memory = reserve()
      runtime = start()
      shown = null
    },
    evaluate(data, input) {
      if (data !== shown) {
        inputStart = base.heapStart + data.bytes.byteLength
        room(inputStart)
        runtime.bytes().set(data.bytes, base.heapStart)
        shown = data
      }
      const { exports, bytes, text } = runtime
      if (input === null) return text(exports.opa_eval(0, entrypoint, data.root, 0, 0, inputStart, want))
      room(inputStart + input.length * 3)
      const { written } = encoder.encodeInto(input, bytes().subarray(inputStart))
      return text(exports.opa_eval(0, entrypoint, data.root, inputStart, written, inputStart + written, want))
    },
  }
}
