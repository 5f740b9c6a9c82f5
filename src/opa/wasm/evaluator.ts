/** Evaluates one entry point of a policy over the image of its data. */
import { type Base, type Image, tellSize } from './image.ts'
import { createRuntime, type Host, pageBytes, type Runtime } from './runtime.ts'

/** Whether sets stay sets in the result's text, or become arrays. */
export type ResultFormat = 'json' | 'value'

/** The evaluation looks at a part of its input that was left out. */
export class UnreadPart extends Error {}

/**
 * Where the values stand that an evaluation does without: beyond any memory that it may have, each in a place of its own. A pointer can be passed on,
 * kept in arrays and objects, and found equal to itself; whatever depends on the value itself (its type, its members, its
 * text for a host's function or for the result) has to load from there, and WebAssembly traps on that. So where the
 * evaluation comes to its end, it comes to the same one whatever the value is. The fields of a value are read at fixed
 * offsets from its pointer, which lead no further.
 */
const elsewhere = 0xf000_0000
const placeBytes = 4096
const maxMemoryBytes = 0xe000_0000

export interface Evaluator {
  /**
   * The result set's text. `input` is JSON, or `null` for none. `unread` are the paths, JSON arrays, of values that are part
   * of the input and not known; throws `UnreadPart` where the result depends on one.
   * Throws on a conflict, a failed builtin, or memory or time used up; the evaluator must then be renewed, since every
   * throw leaks the instance's C stack (some hundreds would end it for good).
   */
  evaluate(data: Image, input: string | null, unread?: readonly string[]): string
  /** As new, in the same memory. */
  renew(): void
  /** The image fits into this evaluator's memory. */
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
  if (maximum * pageBytes > maxMemoryBytes) throw new Error(`the policy and its data would take ${maximum * pageBytes} bytes of memory`)
  const reserve = () => new WebAssembly.Memory({ initial: pages, maximum })
  let memory = reserve()
  let runtime = start()
  const stackTop = runtime.exports.sallyport_stack?.value ?? 0
  const encoder = new TextEncoder()
  const want = format === 'value' ? 1 : 0
  let shown: Image | null = null
  let inputStart = 0
  /** Larger only for a single evaluation that needs it. */
  let usualBytes = base.memory.byteLength

  function start(): Runtime {
    const started = createRuntime(base.module, memory, host)
    started.bytes().set(base.memory)
    return started
  }

  function room(end: number): void {
    const missing = end - runtime.bytes().byteLength
    if (missing <= 0) return
    memory.grow(Math.ceil(missing / pageBytes))
    tellSize(base, runtime.bytes())
  }

  /** As `opa_eval` does it, with pointers in place of values. */
  function evaluateWithout(unread: readonly string[], data: Image, length: number): string {
    const { exports, bytes, text } = runtime
    const end = inputStart + length
    const paths = unread.join('')
    room(end + paths.length * 3)
    const { written } = encoder.encodeInto(paths, bytes().subarray(end))
    try {
      exports.opa_heap_ptr_set(end + written)
      const input = exports.opa_value_parse(inputStart, length)
      let at = end
      for (const [index, unreadPath] of unread.entries()) {
        const bytesOfPath = Buffer.byteLength(unreadPath)
        const path = exports.opa_value_parse(at, bytesOfPath)
        at += bytesOfPath
        if (input === 0 || path === 0 || exports.opa_value_add_path(input, path, elsewhere + index * placeBytes) !== 0)
          throw new Error('the input has no such part')
      }
      const context = exports.opa_eval_ctx_new()
      exports.opa_eval_ctx_set_data(context, data.root)
      exports.opa_eval_ctx_set_input(context, input)
      exports.opa_eval_ctx_set_entrypoint(context, entrypoint)
      if (exports.eval(context) !== 0) throw new Error('eval failed')
      const result = exports.opa_eval_ctx_get_result(context)
      return text(format === 'value' ? exports.opa_value_dump(result) : exports.opa_json_dump(result))
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw new UnreadPart()
      throw error
    }
  }

  function evaluate(data: Image, input: string | null, unread: readonly string[]): string {
    if (data !== shown) {
      inputStart = base.heapStart + data.bytes.byteLength
      // Of the largest so far: integrations' documents take turns.
      usualBytes = Math.max(usualBytes, Math.ceil((inputStart + usualRoomBytes) / pageBytes) * pageBytes)
      room(usualBytes)
      runtime.bytes().set(data.bytes, base.heapStart)
      shown = data
    }
    const { exports, bytes, text } = runtime
    if (input === null) return text(exports.opa_eval(0, entrypoint, data.root, 0, 0, inputStart, want))
    room(inputStart + input.length * 3)
    const { written } = encoder.encodeInto(input, bytes().subarray(inputStart))
    if (unread.length > 0) return evaluateWithout(unread, data, written)
    return text(exports.opa_eval(0, entrypoint, data.root, inputStart, written, inputStart + written, want))
  }

  function renew(): void {
    shown = null
    const { sallyport_stack: stack } = runtime.exports
    if (stack !== undefined && memory.buffer.byteLength <= usualBytes) {
      // Memory, globals and size as they were: that is all of an instance, and a tenth of the time of a new one.
      runtime.bytes().set(base.memory)
      tellSize(base, runtime.bytes())
      stack.value = stackTop
      return
    }
    memory = reserve()
    runtime = start()
  }

  return {
    fits: (data) => data.bytes.byteLength <= maxImageBytes,
    renew,
    evaluate(data, input, unread = noParts) {
      const result = evaluate(data, input, unread)
      // Memory beyond the usual size is given back, so that the next evaluation has the same limit whatever came before it.
      if (memory.buffer.byteLength > usualBytes) renew()
      return result
    },
  }
}

const noParts: readonly string[] = []

/** Beyond the data: what nearly every evaluation gets along with. */
const usualRoomBytes = 8 * pageBytes
