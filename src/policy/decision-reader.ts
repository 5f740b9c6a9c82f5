/** Reads what an evaluation gave as the decision that it is. */
import { LRUCache } from 'lru-cache'
import { type Decision, isEngineFailure } from '../core/index.ts'
import { readDecision } from './read-decision.ts'

export interface DecisionReader {
  /** Few distinct results come out of a policy: the same text is the same decision, parsed and checked once. Throws on what is not a result set. */
  read(text: string): Decision
  /** Ten thousand are: not what is the engine's own word, or as large as an author's reasons may be. */
  canBeRemembered(decision: Decision): boolean
}

const maxDecisionCharacters = 2048

export function createDecisionReader(revision: string): DecisionReader {
  const decisions = new LRUCache<string, Decision>({ max: 500 })
  const large = new WeakSet<Decision>()
  return {
    canBeRemembered: (decision) => !(isEngineFailure(decision) || large.has(decision)),
    read(text) {
      const known = decisions.get(text)
      if (known !== undefined) return known
      const decision = readDecision(resultOf(text), revision)
      if (text.length > maxDecisionCharacters) large.add(decision)
      else if (!isEngineFailure(decision)) decisions.set(text, decision)
      return decision
    },
  }
}

/** `[{"result": …}]`; `[]` means undefined, which is not a decision. Throws on what is not a result set. */
function resultOf(text: string): unknown {
  const results: unknown = JSON.parse(text)
  if (!Array.isArray(results) || results.length > 1) throw new Error('the policy’s WebAssembly gave no result set')
  return results.length === 0 ? undefined : (results[0] as { result?: unknown }).result
}
