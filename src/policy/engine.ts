/** Decides: a compiled policy and its data, hardened against what callers can send and what policies can do. */
import { LRUCache } from 'lru-cache'
import { type AccessRequest, type Claim, type Decision, denial, type Integration, type Needs, readDecision } from '../core/index.ts'
import type { CompiledPolicy } from './build.ts'
import { type FailureKind, failureKindOf, failureReasons } from './failure.ts'
import { createWriteInput, needsOf, type ReadContext } from './input.ts'
import type { InputSight } from './projection.ts'
import type { Session } from './session.ts'

export interface EngineOptions {
  readonly policy: CompiledPolicy
  readonly session: Session
  readonly integrations: readonly Integration[]
  readonly revision: string
  readonly readContext: ReadContext
  /** An evaluation failed; the caller was denied. `error` may hold parts of the input. */
  readonly onFailure: (kind: FailureKind, error: unknown) => void
}

export interface Engine {
  readonly revision: string
  readonly needs: Needs
  readonly sight: InputSight
  /** Never throws. */
  decide(request: AccessRequest, claim: Claim): Decision
}

/** Longer inputs are refused before they reach the engine, whatever door let them in. */
const maxInputCharacters = 8 * 1024 * 1024

/** Longer inputs hold headers or bodies, which seldom come twice. */
const maxCachedCharacters = 1024

export function createEngine({ policy, session, integrations, revision, readContext, onFailure }: EngineOptions): Engine {
  const byName = new Map(integrations.map((one) => [one.name, one]))
  const writeInput = createWriteInput(policy.sight, readContext)
  // Few distinct results come out of a policy: the same text is the same decision, parsed and checked once.
  const decisions = new LRUCache<string, Decision>({ max: 500 })
  // The input's text is all that the policy can look at, the data is this engine's, and where none of its functions could
  // give two answers (clock, randomness), the same text decides the same.
  const decided = policy.sight.volatile.length === 0 ? new LRUCache<string, Decision>({ max: 10_000 }) : null

  function evaluate(request: AccessRequest, input: string): Decision {
    const data = session.documents.imageFor(byName.get(request.integration.name))
    const text = session.evaluate(data, input, request.at)
    const known = decisions.get(text)
    if (known !== undefined) return known
    const decision = readDecision(resultOf(text), revision)
    if (text.length < 2048) decisions.set(text, decision)
    return decision
  }

  return {
    revision,
    needs: needsOf(policy.sight),
    sight: policy.sight,
    decide(request, claim) {
      try {
        const input = writeInput(request, claim)
        const known = decided?.get(input)
        if (known !== undefined) return known
        if (input.length > maxInputCharacters)
          return denial('engine/input-too-large', 'the request is larger than the policy can look at', revision)
        const decision = evaluate(request, input)
        if (input.length <= maxCachedCharacters) decided?.set(input, decision)
        return decision
      } catch (error) {
        const kind = failureKindOf(error)
        onFailure(kind, error)
        return denial(`engine/${kind}`, failureReasons[kind], revision)
      }
    },
  }
}

/** `[{"result": …}]`; `[]` means undefined, which is no decision. */
function resultOf(text: string): unknown {
  const results: unknown = JSON.parse(text)
  if (!Array.isArray(results) || results.length !== 1) return undefined
  return (results[0] as { result?: unknown }).result
}
