/** Evaluations of one policy one after the other: in one instance, which is renewed after each failure, within one bound of time. */

import { type Answers, createBuiltins, createEvaluator, EvaluationTimeout, type Evaluator, type Image, type Library } from '../opa/index.ts'
import type { HostCall } from '../reference/index.ts'
import type { Documents } from './documents.ts'
export interface SessionOptions {
  readonly documents: Documents
  readonly entrypoint: string
  /** What one evaluation may use. */
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  /** The library of built-in functions, loaded before; throws where it was not. */
  readonly library: (builtin: string) => Library
}

export interface Session {
  readonly documents: Documents
  /**
   * What `read` makes of the result set's text. `input` is JSON, or `null` for none. `atMs` is the policy's clock, `answers` those of external calls: without them none is made.
   * `unread`: as in `Evaluator`. Throws what ended the evaluation (`ExternalCallNeeded` where an answer is missing, `UnreadPart`
   * where a part that was not read is), and what `read` throws; the next one is not affected. `calls` takes what the policy asks of its host.
   */
  evaluate<Result>(
    data: Image,
    input: string | null,
    atMs: number,
    read: (text: string) => Result,
    answers?: Answers,
    unread?: readonly string[],
    calls?: HostCall[] | null,
  ): Result
  /** After an answer that was odd: the next evaluation is as the first. */
  renew(): void
}

/** The answer of `opa.runtime`: a policy that runs in a gateway decides as one that runs anywhere else. */
const nothingOfTheHost = '{"config":{},"env":{}}'

/** Room for images that are larger than any so far. */
const spareImageBytes = 256 * 1024

export function createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library }: SessionOptions): Session {
  const entry = entryOf(documents, entrypoint)
  const deadline = createDeadline(maxEvaluationMs)
  const builtins = createBuiltins({ library, onTicks: deadline.check, runtime: () => nothingOfTheHost })
  let noted: HostCall[] | null = null
  const callBuiltin = (name: string, operands: readonly string[]) => {
    const answer = builtins.call(name, operands)
    noted?.push({ name, operands, answer })
    return answer
  }
  const host = { callBuiltin, onTicks: deadline.check, onFailed: builtins.failed }
  let evaluator = create()

  function create(): Evaluator {
    const maxImageBytes = documents.largest() + spareImageBytes
    return createEvaluator({ base: documents.loader.base, entrypoint: entry, maxMemoryPages, maxImageBytes, host })
  }

  return {
    documents,
    renew: () => evaluator.renew(),
    evaluate(data, input, atMs, read, answers, unread, calls = null) {
      if (!evaluator.fits(data)) evaluator = create()
      deadline.begin(input?.length ?? 0)
      builtins.begin(atMs, answers)
      noted = calls
      try {
        // What came to its end may have gone wrong on the way: it is believed once it can be read.
        return read(evaluator.evaluate(data, input, unread))
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
    begin(inputCharacters: number) {
      until = usedMicros() + maxMs * 1000 + inputCharacters * microsPerCharacter
    },
    check() {
      if (usedMicros() > until) throw new EvaluationTimeout(maxMs)
    },
  }
}

/** Reading a large input takes time before a rule is looked at: so many characters of small numbers, which take longest, are read in it. */
const microsPerCharacter = 0.5

function usedMicros(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
