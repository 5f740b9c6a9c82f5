/** Decides as `engine.ts` does, by evaluations on a thread of their own: no request waits for them. */
import { type AccessRequest, type Claim, type Decision, denial, type Integration } from '../core/index.ts'
import { type FailureKind, failureKindOf, failureReasons } from '../opa/index.ts'
import { type CompiledPolicy, entrypoint } from './build.ts'
import { createDecisionMemory, keyOf } from './decision-memory.ts'
import { createDecisionReader } from './decision-reader.ts'
import { maxInputCharacters, type Observer } from './engine.ts'
import type { EvaluationThread, ThreadAnswer } from './evaluation-thread.ts'
import { bodyPathsOf, createWriteInput, hasUnreadBody, type ReadContext, withUnread } from './input.ts'

/** `null`: it looks at the body, which was not read. `lost`: the thread ended before it answered. */
export type DecideOnThread = (request: AccessRequest, claim: Claim) => Promise<Decision | null | 'lost'>

export interface ApartOptions {
  readonly policy: CompiledPolicy
  readonly integrations: readonly Integration[]
  readonly revision: string
  readonly readContext: ReadContext
  /** Has loaded this policy. */
  readonly thread: EvaluationThread
  readonly onFailure: (kind: FailureKind, error: unknown) => void
  readonly observer?: Observer | undefined
}

export function createDecideApart(options: ApartOptions): DecideOnThread {
  const { policy, integrations, revision, readContext, thread, onFailure, observer } = options
  const byName = new Map(integrations.map((integration) => [integration.name, integration]))
  const writeInput = createWriteInput(policy.policyReads, readContext)
  const bodyPaths = bodyPathsOf(policy.policyReads)
  const { read, canBeRemembered } = createDecisionReader(revision)
  const memory = createDecisionMemory(policy, canBeRemembered)

  /** One sample at a time: it is due until one was taken, and several questions are under way. */
  let isObserving = false

  function failed(kind: FailureKind, error: unknown): Decision {
    onFailure(kind, error)
    return denial(`engine/${kind}`, failureReasons[kind], revision)
  }

  function decisionOf(answer: ThreadAnswer): Decision | null {
    if ('lacks' in answer) {
      if (answer.lacks === 'part') return null
      return failed('builtin', new Error(`${answer.lacks}: external calls are not made here`))
    }
    if ('failed' in answer) return failed(answer.failed, new Error(answer.message))
    try {
      return read(answer.text)
    } catch (error) {
      return failed(failureKindOf(error), error)
    }
  }

  return async (request, claim) => {
    const unread = hasUnreadBody(claim.facts) ? (bodyPaths.get(request.kind) ?? []) : []
    const input = writeInput(request, claim)
    const { name } = request.integration
    const key = keyOf(input, unread)
    const isObserved = !isObserving && observer?.isDue() === true
    const known = isObserved ? undefined : memory.recall(name, key, request.at)
    if (known !== undefined) return known.decision
    if (input.length > maxInputCharacters)
      return denial('engine/input-too-large', 'the request is larger than the policy can look at', revision)
    if (isObserved) isObserving = true
    const answer = await thread
      .evaluate({ entrypoint, integration: byName.get(name), input, atMs: request.at, unread, isObserved })
      .finally(() => {
        if (isObserved) isObserving = false
      })
    if (answer === null) return 'lost'
    if (!('lacks' in answer) && answer.calls !== null) {
      const outcome = 'text' in answer ? { text: answer.text } : { failed: answer.failed }
      observer?.take({ id: request.id, integration: name, input: withUnread(input, unread), calls: answer.calls, outcome })
    }
    const decision = decisionOf(answer)
    memory.keep(name, key, input, { decision, at: request.at })
    return decision
  }
}
