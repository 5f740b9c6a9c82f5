/** Decides: a compiled policy and its data, hardened against what callers can send and what policies can do. */
import { LRUCache } from 'lru-cache'
import { type AccessRequest, type Claim, type Decision, denial, type JsonObject, type Needs, readDecision } from '../core/index.ts'
import type { CompiledPolicy } from './build.ts'
import { createWriteInput, needsOf, type ReadContext } from './input.ts'
import { type Instance, instantiate, takeSnapshot } from './wasm-instance.ts'

export interface EngineOptions {
  readonly policy: CompiledPolicy
  readonly module: WebAssembly.Module
  readonly data: JsonObject
  readonly entrypoint: string
  readonly maxMemoryPages: number
  readonly revision: string
  readonly readContext: ReadContext
  /** An evaluation threw; the caller was denied. `error` may hold parts of the input. */
  readonly onFailure: (error: unknown) => void
}

export interface Engine {
  readonly revision: string
  readonly needs: Needs
  /** Never throws. */
  decide(request: AccessRequest, claim: Claim): Decision
}

/** Longer inputs are refused before they reach the engine, whatever door let them in. */
const maxInputCharacters = 8 * 1024 * 1024

/** Longer inputs hold headers or bodies, which seldom come twice. */
const maxCachedCharacters = 1024

export function createEngine({
  policy,
  module,
  data,
  entrypoint,
  maxMemoryPages,
  revision,
  readContext,
  onFailure,
}: EngineOptions): Engine {
  const snapshot = takeSnapshot(module, data, entrypoint, maxMemoryPages)
  const writeInput = createWriteInput(policy.reads, readContext)
  // Few distinct results come out of a policy: the same text is the same decision, parsed and checked once.
  const decisions = new LRUCache<string, Decision>({ max: 500 })
  // The input's text is all that the policy can look at, the data is this engine's, and capabilities.json has no builtin
  // that could give two answers (no clock, no randomness, no network): the same text decides the same.
  const decided = new LRUCache<string, Decision>({ max: 10_000 })
  let instance: Instance | null = instantiate(snapshot)

  function evaluate(input: string): Decision {
    instance ??= instantiate(snapshot)
    const text = instance.evaluate(input)
    const known = decisions.get(text)
    if (known !== undefined) return known
    const decision = readDecision(resultOf(text), revision)
    if (text.length < 2048) decisions.set(text, decision)
    return decision
  }

  return {
    revision,
    needs: needsOf(policy.reads),
    decide(request, claim) {
      try {
        const input = writeInput(request, claim)
        const known = decided.get(input)
        if (known !== undefined) return known
        if (input.length > maxInputCharacters)
          return denial('engine/input-too-large', 'the request is larger than the policy can look at', revision)
        const decision = evaluate(input)
        if (input.length <= maxCachedCharacters) decided.set(input, decision)
        return decision
      } catch (error) {
        // Every throw leaks the instance's C stack; it would die for good after some hundreds (notes on OPA Wasm).
        instance = null
        onFailure(error)
        return denial('engine/error', 'the policy failed on this request', revision)
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
