/** The host's side of built-in functions: what an evaluation asks is answered quickly here, or by OPA's own library. */

import { partlyInside } from '../wasm/index.ts'
import { BuiltinError } from './builtin-error.ts'
import { type Answers, answerTo, isExternalCall } from './external-calls.ts'
import { createQuick } from './js-builtins.ts'
import type { Library } from './library.ts'

export interface Builtins {
  /** The next calls belong to a new evaluation. */
  begin(atMs: number, answers?: Answers): void
  /** Throws `BuiltinError`, or `ExternalCallNeeded` where it makes an external call and the answer is not there yet. */
  call(name: string, operands: readonly string[]): string | null
  /** A function inside the policy failed. Throws `BuiltinError`. */
  failed(name: string): void
}

export interface BuiltinsOptions {
  /** What was loaded ahead for those who need it; throws where nothing was. */
  readonly library: (builtin: string) => Library
  readonly onTicks: () => void
  /** A failed function makes its expression undefined, as OPA has it by default, instead of throwing. */
  readonly lenient?: boolean
  /** The answer of `opa.runtime`, JSON. */
  readonly runtime?: () => string
}

export function createBuiltins({ library, onTicks, lenient = false, runtime }: BuiltinsOptions): Builtins {
  const quick = createQuick()
  let begun = false
  let at = 0
  let known: Answers | undefined

  function ask(name: string, operands: readonly string[]): string | null {
    const loaded = library(name)
    if (!begun) loaded.begin(at, onTicks, runtime?.())
    begun = true
    const outcome = loaded.call(name, operands)
    if (outcome.kind === 'undefined') return null
    if (outcome.kind === 'defined') return outcome.text
    if (outcome.kind === 'failed' && lenient) return null
    throw new BuiltinError(name, outcome.text)
  }

  return {
    begin(atMs, answers) {
      known = answers
      begun = false
      at = atMs
    },
    call(name, operands) {
      if (isExternalCall(name)) return answerTo(name, operands, known)
      return (Object.hasOwn(quick, name) ? quick[name]?.(operands, at) : undefined) ?? ask(name, operands)
    },
    failed(name) {
      if (!lenient) throw new BuiltinError(name, 'the operands are not such as it takes')
    },
  }
}

const quickNames: ReadonlySet<string> = new Set(Object.keys(createQuick()))

/**
 * How much of a function is answered without the library. `always`: each call that can succeed. `mostly`: all but those with
 * unusual operands.
 */
export function answeredHere(name: string): 'always' | 'mostly' | 'never' {
  if (isExternalCall(name) || name === 'time.now_ns' || partlyInside.has(name)) return name === 'minus' ? 'mostly' : 'always'
  return quickNames.has(name) ? 'mostly' : 'never'
}
