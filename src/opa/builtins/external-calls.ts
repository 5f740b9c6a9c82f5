/** Functions that make external calls. An evaluation cannot wait: it stops at the question, and is begun again with the answer. */
import { isIP } from 'node:net'
import { BuiltinError } from './builtin-error.ts'

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
