/** Decides: a compiled policy and its data, hardened against what callers can send and what policies can do. */
import { LRUCache } from 'lru-cache'
import { type AccessRequest, type Claim, type Decision, denial, type Integration, type Needs, readDecision } from '../core/index.ts'
import type { CompiledPolicy } from './build.ts'
import { type Builtins, createBuiltins } from './builtins/index.ts'
import type { Documents } from './documents.ts'
import { EvaluationTimeout, type FailureKind, failureKindOf, failureReasons } from './failure.ts'
import { createWriteInput, needsOf, type ReadContext } from './input.ts'
import { createEvaluator, type Evaluator, type Image } from './wasm/index.ts'

export interface EngineOptions {
  readonly policy: CompiledPolicy
  readonly documents: Documents
  readonly integrations: readonly Integration[]
  readonly entrypoint: string
  /** What one evaluation may use. */
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  readonly revision: string
  readonly readContext: ReadContext
  /** The WebAssembly of the library of built-in functions; asked for on first need. */
  readonly builtinLibrary: () => WebAssembly.Module
  /** An evaluation failed; the caller was denied. `error` may hold parts of the input. */
  readonly onFailure: (kind: FailureKind, error: unknown) => void
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
const spareImageBytes = 256 * 1024

export function createEngine(options: EngineOptions): Engine {
  const { policy, documents, integrations, entrypoint, maxMemoryPages, maxEvaluationMs, revision, readContext, onFailure } = options
  const entry = entryOf(documents, entrypoint)
  const byName = new Map(integrations.map((one) => [one.name, one]))
  const writeInput = createWriteInput(policy.sight, readContext)
  const deadline = createDeadline(maxEvaluationMs)
  const builtins: Builtins = createBuiltins({ module: options.builtinLibrary, onTicks: deadline.check })
  // Few distinct results come out of a policy: the same text is the same decision, parsed and checked once.
  const decisions = new LRUCache<string, Decision>({ max: 500 })
  // The input's text is all that the policy can look at, the data is this engine's, and where none of its functions could
  // give two answers (clock, randomness), the same text decides the same.
  const decided = policy.sight.volatile.length === 0 ? new LRUCache<string, Decision>({ max: 10_000 }) : null
  let evaluator: Evaluator | null = null

  function evaluatorFor(data: Image): Evaluator {
    if (evaluator?.fits(data) !== true)
      evaluator = createEvaluator({
        base: documents.loader.base,
        entrypoint: entry,
        maxMemoryPages,
        maxImageBytes: documents.largest() + spareImageBytes,
        host: { callBuiltin: builtins.call, onTicks: deadline.check },
      })
    return evaluator
  }

  function evaluate(request: AccessRequest, input: string): Decision {
    const data = documents.imageFor(byName.get(request.integration.name))
    deadline.begin()
    builtins.begin(request.at)
    const text = evaluatorFor(data).evaluate(data, input)
    const known = decisions.get(text)
    if (known !== undefined) return known
    const decision = readDecision(resultOf(text), revision)
    if (text.length < 2048) decisions.set(text, decision)
    return decision
  }

  return {
    revision,
    needs: needsOf(policy.sight),
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
        evaluator?.renew()
        const kind = failureKindOf(error)
        if (kind === 'time') builtins.forget()
        onFailure(kind, error)
        return denial(`engine/${kind}`, failureReasons[kind], revision)
      }
    },
  }
}

function entryOf({ loader }: Documents, entrypoint: string): number {
  const { entrypoints } = loader.base
  const found = Object.hasOwn(entrypoints, entrypoint) ? entrypoints[entrypoint] : undefined
  if (found === undefined) throw new Error(`the policy has no entry point ${entrypoint}; it has ${Object.keys(entrypoints).join(', ')}`)
  return found
}

/** Counts from the first look at the clock, which the meter brings about within a fraction of a millisecond. */
function createDeadline(maxMs: number) {
  let startedAt = 0
  return {
    begin() {
      startedAt = 0
    },
    check() {
      const now = performance.now()
      if (startedAt === 0) startedAt = now
      else if (now - startedAt > maxMs) throw new EvaluationTimeout(maxMs)
    },
  }
}

/** `[{"result": …}]`; `[]` means undefined, which is no decision. */
function resultOf(text: string): unknown {
  const results: unknown = JSON.parse(text)
  if (!Array.isArray(results) || results.length !== 1) return undefined
  return (results[0] as { result?: unknown }).result
}
