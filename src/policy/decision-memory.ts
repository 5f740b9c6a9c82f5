/** Decisions that are remembered: a question that was answered is not evaluated again. */
import type { Decision } from '../core/index.ts'
import { createFairCache } from '../shares/index.ts'
import type { CompiledPolicy } from './build.ts'

/** `decision`: `null` where it depends on the body. `at`: when its request arrived. */
export interface Remembered {
  readonly decision: Decision | null
  readonly at: number
}

export interface DecisionMemory {
  /** `undefined`: it has to be evaluated. `key`: of `keyOf`; `at`: when the request arrived. */
  recall(integration: string, key: string, at: number): Remembered | undefined
  /** Does nothing where the decision may not be remembered. */
  keep(integration: string, key: string, input: string, remembered: Remembered): void
}

/** The longest that a decision is remembered, should a function read the clock without being known for it. */
const maxRememberedMs = 60_000

/** Longer inputs hold headers or bodies, which seldom come twice. */
const maxInputCharacters = 1024

/**
 * For one policy and its data. The input's text is all that the policy can look at, and where none of its functions could give
 * two answers (clock, randomness), the same text decides the same; otherwise nothing is remembered.
 */
export function createDecisionMemory({ policyReads }: CompiledPolicy, canBeRemembered: (decision: Decision) => boolean): DecisionMemory {
  const decided = policyReads.volatile.length === 0 ? createFairCache<Remembered>(10_000) : null
  return {
    recall(integration, key, at) {
      const known = decided?.get(integration, key)
      return known !== undefined && Math.abs(at - known.at) <= maxRememberedMs ? known : undefined
    },
    keep(integration, key, input, remembered) {
      if (input.length <= maxInputCharacters && (remembered.decision === null || canBeRemembered(remembered.decision)))
        decided?.set(integration, key, remembered)
    },
  }
}

/** No input begins like a path: one without a body differs from one whose body was not read. */
export function keyOf(input: string, unread: readonly string[]): string {
  return unread.length === 0 ? input : `${unread.join('')}${input}`
}
