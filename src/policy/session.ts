/** Evaluations of one policy one after the other: in one instance, which is renewed after each failure, within one bound of time. */

import { type Answers, createBuiltins, type Library } from './builtins/index.ts'
import type { Documents } from './documents.ts'
import { EvaluationTimeout } from './failure.ts'
import { createEvaluator, type Evaluator, type Image } from './wasm/index.ts'

export interface SessionOptions {
  readonly documents: Documents
  readonly entrypoint: string
  /** What one evaluation may use. */
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  /** The library of built-in functions, loaded before; throws where it was not. */
  readonly library: () => Library
}

export interface Session {
  readonly documents: Documents
  /**
   * The result set's text. `atMs` is the policy's clock, `answers` what is known of the outside: without them nothing there is asked.
   * `unread`: as in `Evaluator`. Throws what ended the evaluation (`OutsideNeeded` where an answer is missing, `UnreadPart`
   * where the part that was not read is); the next one is not affected.
   */
  evaluate(data: Image, input: string, atMs: number, answers?: Answers, unread?: string | null): string
}

/** The answer of `opa.runtime`: a policy that runs in a gateway decides as one that runs anywhere else. */
const nothingOfTheHost = '{"config":{},"env":{}}'

/** Room for images that are larger than any so far. */
const spareImageBytes = 256 * 1024

export function createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library }: SessionOptions): Session {
  const entry = entryOf(documents, entrypoint)
  const deadline = createDeadline(maxEvaluationMs)
  const builtins = createBuiltins({ library, onTicks: deadline.check, runtime: () => nothingOfTheHost })
  const host = { callBuiltin: builtins.call, onTicks: deadline.check, onFailed: builtins.failed }
  let evaluator = create()

  function create(): Evaluator {
    const maxImageBytes = documents.largest() + spareImageBytes
    return createEvaluator({ base: documents.loader.base, entrypoint: entry, maxMemoryPages, maxImageBytes, host })
  }

  return {
    documents,
    evaluate(data, input, atMs, answers, unread = null) {
      if (!evaluator.fits(data)) evaluator = create()
      deadline.begin()
      builtins.begin(atMs, answers)
      try {
        return evaluator.evaluate(data, input, unread)
      } catch (error) {
        evaluator.renew()
        throw error
      }
    },
  }
}

function entryOf({ loader }: Documents, entrypoint: string): number {
  const { entrypoints } = loader.base
  const found = Object.hasOwn(entrypoints, entrypoint) ? entrypoints[entrypoint] : undefined
  if (found === undefined) throw new Error(`the policy has no entry point ${entrypoint}; it has ${Object.keys(entrypoints).join(', ')}`)
  return found
}

/**
 * Counts the processor's time of this thread: on a machine that is busy elsewhere, or in a container that is throttled, the
 * clock on the wall would deny requests that the policy allows.
 */
function createDeadline(maxMs: number) {
  let until = 0
  return {
    begin() {
      until = usedMicros() + maxMs * 1000
    },
    check() {
      if (usedMicros() > until) throw new EvaluationTimeout(maxMs)
    },
  }
}

function usedMicros(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
