/** The host's side of built-in functions: what an evaluation asks is answered quickly here, or by OPA's own library. */

import { BuiltinError } from './builtin-error.ts'
import { createLibrary, type Library } from './library.ts'
import { type Answers, answerTo, asksOutside } from './outside.ts'
import { quickBuiltins } from './quick.ts'

export interface Builtins {
  /** The next calls belong to a new evaluation. */
  begin(atMs: number, answers?: Answers): void
  /** Throws `BuiltinError`, or `OutsideNeeded` where it asks outside and the answer is not there yet. */
  call(name: string, operands: readonly string[]): string | null
  /** A function inside the policy failed. Throws `BuiltinError`. */
  failed(name: string): void
  /** The library is spent (its evaluation was stopped in the middle). */
  forget(): void
}

export interface BuiltinsOptions {
  /** The library's WebAssembly, loaded on first need; throws where there is none. */
  readonly module: () => WebAssembly.Module
  readonly onTicks: () => void
  /** A failed function makes its expression undefined, as OPA has it by default, instead of throwing. */
  readonly lenient?: boolean
  /** The answer of `opa.runtime`, JSON. */
  readonly runtime?: () => string
}

export function createBuiltins({ module, onTicks, lenient = false, runtime }: BuiltinsOptions): Builtins {
  let library: Library | null = null
  let begun = false
  let at = 0
  let known: Answers | undefined

  function ask(name: string, operands: readonly string[]): string | null {
    library ??= createLibrary(module(), onTicks)
    if (!begun) library.begin(at, runtime?.())
    begun = true
    const outcome = library.call(name, operands)
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
      if (asksOutside(name)) return answerTo(name, operands, known)
      return (Object.hasOwn(quickBuiltins, name) ? quickBuiltins[name]?.(operands, at) : undefined) ?? ask(name, operands)
    },
    failed(name) {
      if (!lenient) throw new BuiltinError(name, 'the operands are not such as it takes')
    },
    forget() {
      library = null
    },
  }
}

/** Every one of these can be answered without the library, at least mostly: it is not loaded ahead for them. */
export function isQuick(name: string): boolean {
  return Object.hasOwn(quickBuiltins, name)
}
