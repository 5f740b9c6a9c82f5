/** The host's side of built-in functions: calls are answered quickly here, by OPA's own library, or by an external call whose answer is known. */

import { isIP } from 'node:net'
import { partlyInside } from '../wasm/index.ts'
import { BuiltinError } from './builtin-error.ts'
import { createJsBuiltins } from './js-builtins.ts'
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
  const quick = createJsBuiltins()
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

const jsBuiltinNames: ReadonlySet<string> = new Set(Object.keys(createJsBuiltins()))

/**
 * How much of a function is answered without the library. `always`: each call that can succeed. `mostly`: all but those with
 * unusual operands.
 */
export function answeredHere(name: string): 'always' | 'mostly' | 'never' {
  if (isExternalCall(name) || name === 'time.now_ns' || partlyInside.has(name)) return name === 'minus' ? 'mostly' : 'always'
  return jsBuiltinNames.has(name) ? 'mostly' : 'never'
}

export type OutsideBuiltin = 'http.send' | 'net.lookup_ip_addr'

/** A value as text, or the reason why it is missing. */
export type Answer = { readonly text: string } | { readonly error: string }

/** By question: within one evaluation the same question has the same answer, as in OPA. */
export type Answers = Map<string, Answer>

/** The evaluation goes no further without this answer. */
export class ExternalCallNeeded extends Error {
  readonly builtin: OutsideBuiltin
  /** A value as text. */
  readonly operand: string
  readonly question: string

  constructor(builtin: OutsideBuiltin, operand: string, question: string) {
    super(`${builtin} has to be asked`)
    this.name = 'ExternalCallNeeded'
    this.builtin = builtin
    this.operand = operand
    this.question = question
  }
}

export function isExternalCall(name: string): name is OutsideBuiltin {
  return name === 'http.send' || name === 'net.lookup_ip_addr'
}

/** Throws `ExternalCallNeeded`, or `BuiltinError` where the answer is an error or nothing may be asked. */
export function answerTo(name: OutsideBuiltin, [operand = '']: readonly string[], answers: Answers | undefined): string {
  if (name === 'net.lookup_ip_addr' && isIP(JSON.parse(operand) as string) !== 0) return `{${operand}}` // needs no lookup
  if (answers === undefined) throw new BuiltinError(name, 'external calls are not made here')
  const question = `${name}\0${operand}`
  const answer = answers.get(question)
  if (answer === undefined) throw new ExternalCallNeeded(name, operand, question)
  if ('error' in answer) throw new BuiltinError(name, answer.error)
  return answer.text
}
