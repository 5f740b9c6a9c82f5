/** One evaluation of the gateway's, as far as another evaluator needs it to come to the same answer. */

import type { FailureKind } from '../opa/index.ts'
import { scanJson } from '../text/index.ts'
import { callKey, keyOf, readValue } from './value-key.ts'

/** A function that the policy asked its host for. Operands and answer are values as text; `null`: undefined. */
export interface HostCall {
  readonly name: string
  readonly operands: readonly string[]
  readonly answer: string | null
}

export interface Evaluation {
  /** Of the request. */
  readonly id: string
  readonly integration: string
  /** JSON. */
  readonly input: string
  readonly calls: readonly HostCall[]
  /** The result set as JSON text, or how the evaluation failed. */
  readonly outcome: { readonly text: string } | { readonly failed: FailureKind | 'external-call' }
}

/** Why a comparison was left out. Documented in docs/policy/reference.md. */
export const skipReasons = [
  'function',
  'bounds',
  'external-call',
  'number',
  'set',
  'call',
  'sdk-function',
  'inside',
  'memory',
  'time',
  'busy',
  'unavailable',
] as const
export type SkipReason = (typeof skipReasons)[number]

/** A call as the SDK shows it: sets are arrays, numbers doubles. */
export interface KnownCall {
  readonly name: string
  readonly operands: readonly unknown[]
  /** The operands as OPA writes them. */
  readonly texts: readonly string[]
  /** JSON, or OPA's text of a value where `isBeyondJson`; `null`: undefined. */
  readonly answer: string | null
  /** The SDK cannot be given the answer. */
  readonly isBeyondJson: boolean
}

/** What the SDK is asked. `calls`: by `callKey`. */
export interface Question {
  readonly input: string
  readonly calls: ReadonlyMap<string, KnownCall>
}

/** What the SDK says: the result set as JSON, why it failed, or why it could not be asked. */
export type SdkAnswer = { readonly text: string } | { readonly error: string } | { readonly skipped: SkipReason }

export type ComparisonResult = 'same' | 'different' | { readonly skipped: SkipReason }

/** The question that an evaluation leads to, or why the SDK cannot be asked. */
export function questionOf({ input, calls, outcome }: Evaluation): Question | { readonly skipped: SkipReason } {
  const skipped = 'failed' in outcome ? unasked(outcome.failed) : null
  if (skipped !== null) return { skipped }
  const known = new Map<string, KnownCall>()
  for (const { name, operands: texts, answer } of calls) {
    const operands = texts.map((text) => readValue(text).value)
    const key = callKey(name, operands)
    // Two calls that the SDK cannot tell apart: numbers beyond a double, or a set and an array.
    if (known.has(key) && known.get(key)?.answer !== answer) return { skipped: 'number' }
    known.set(key, { name, operands, texts, answer, isBeyondJson: answer !== null && readValue(answer).isBeyondJson })
  }
  return { input, calls: known }
}

/** The gateway denies where OPA and its SDK go on with an undefined expression, and holds evaluations to bounds of its own. */
function unasked(failed: FailureKind | 'external-call'): SkipReason | null {
  if (failed === 'builtin') return 'function'
  if (failed === 'external-call') return 'external-call'
  return failed === 'memory' || failed === 'time' ? 'bounds' : null
}

/** What the SDK was given beside the input. */
export interface Beside {
  /** JSON. */
  readonly data: string
  /** Some constant of the rules is spelled so that the SDK may take it for another number (`isOddNumber`). */
  readonly hasOddConstants: () => boolean
}

export function compare({ outcome, calls, input }: Evaluation, answer: SdkAnswer, { data, hasOddConstants }: Beside): ComparisonResult {
  if ('skipped' in answer) return answer
  if (agree(outcome, answer)) return 'same'
  // Equal numbers are not equal to the SDK where they are spelled differently, and the gateway mends that (../wasm/numbers.ts).
  const texts = [input, data, ...calls.flatMap(({ operands, answer: given }) => [...operands, given ?? ''])]
  return texts.some(hasOddNumber) || hasOddConstants() ? { skipped: 'number' } : 'different'
}

/** One that is not spelled as JavaScript does, or that 32 bits do not hold. */
export function isOddNumber(spelling: string): boolean {
  return String(Number(spelling)) !== spelling || Math.abs(Number(spelling)) >= 2 ** 31
}

function hasOddNumber(text: string): boolean {
  let isOdd = false
  scanJson(text, {
    number(start, end) {
      isOdd ||= isOddNumber(text.slice(start, end))
    },
  })
  return isOdd
}

function agree(outcome: Evaluation['outcome'], answer: { readonly text: string } | { readonly error: string }): boolean {
  if ('failed' in outcome) return 'error' in answer && (outcome.failed !== 'conflict' || answer.error.includes('conflict'))
  return 'text' in answer && keyOf(JSON.parse(outcome.text)) === keyOf(JSON.parse(answer.text))
}
