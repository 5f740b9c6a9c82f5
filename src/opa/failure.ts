/** Why an evaluation failed: the caller gets general words, the operator the whole reason. */
import { BuiltinError } from './builtins/index.ts'

/** The evaluation took longer than it may. */
export class EvaluationTimeout extends Error {
  constructor(maxMs: number) {
    super(`the evaluation took longer than ${maxMs} ms`)
    this.name = 'EvaluationTimeout'
  }
}

export const failureKinds = ['builtin', 'conflict', 'memory', 'time', 'error'] as const
export type FailureKind = (typeof failureKinds)[number]

/** What a caller may know. */
export const failureReasons: Readonly<Record<FailureKind, string>> = {
  builtin: 'a built-in function of the policy failed on this request',
  conflict: 'the policy’s rules contradict each other on this request',
  memory: 'the policy used up its memory on this request',
  time: 'the policy took too long on this request',
  error: 'the policy failed on this request',
}

export function failureKindOf(error: unknown): FailureKind {
  if (error instanceof EvaluationTimeout) return 'time'
  if (error instanceof BuiltinError) return 'builtin'
  if (!(error instanceof Error)) return 'error'
  if (error.message.includes('conflict')) return 'conflict'
  if (error.message.includes('opa_malloc') || error.message.includes('WebAssembly.Memory.grow')) return 'memory'
  return 'error'
}
