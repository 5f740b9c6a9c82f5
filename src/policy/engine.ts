/** Decides: a compiled policy and its data, hardened against what callers can send and what policies can do. */
import {
  type AccessRequest,
  type Claim,
  type DecideAsync,
  type Decision,
  denial,
  type Integration,
  isEngineFailure,
  type Needs,
  type ReadBody,
  Refusal,
} from '../core/index.ts'
import { type Answers, ExternalCallNeeded, type FailureKind, failureKindOf, failureReasons, UnreadPart } from '../opa/index.ts'
import type { Evaluation, HostCall } from '../reference/index.ts'
import type { CompiledPolicy } from './build.ts'
import type { Coverage, ReadCoverage } from './coverage.ts'
import { createDecisionMemory, keyOf } from './decision-memory.ts'
import { createDecisionReader } from './decision-reader.ts'
import { type ExternalCaller, type Grants, mayWait } from './external-calls/index.ts'
import { bodyPathsOf, createWriteInput, hasUnreadBody, needsOf, type ReadContext, withUnread } from './input.ts'
import type { InputReads } from './projection.ts'
import type { Session } from './session.ts'
export interface EngineOptions {
  readonly policy: CompiledPolicy
  readonly session: Session
  readonly integrations: readonly Integration[]
  readonly revision: string
  readonly readContext: ReadContext
  readonly grants: Grants
  readonly ask: ExternalCaller
  /** Asked before any external call; `null`: the policy does not say what covers a request. */
  readonly readCoverage: ReadCoverage | null
  /** An evaluation failed; the caller was denied. `error` may hold parts of the input. */
  readonly onFailure: (kind: FailureKind, error: unknown) => void
  /** Is shown a sample of what was evaluated. */
  readonly observer?: Observer | undefined
}

export interface Observer {
  isDue(): boolean
  take(evaluation: Evaluation): void
}

export interface Engine {
  readonly revision: string
  readonly needs: Needs
  readonly policyReads: InputReads
  /** As `Policy.decide`. */
  decide(request: AccessRequest, claim: Claim): Decision | null
  /** What is decided whatever stands at these paths (JSON arrays) of the input; `null`: that depends on it. Makes no external call. */
  decideWithout(request: AccessRequest, claim: Claim, unread: readonly string[]): Decision | ExternalCallNeeded | null
  /** As `Policy.decideAsync`: makes the external calls that `decide` may not. */
  readonly decideAsync: DecideAsync | null
}

/** Longer inputs are refused before they reach the engine, whatever door let them in. */
export const maxInputCharacters = 8 * 1024 * 1024

export function createEngine(options: EngineOptions): Engine {
  const { policy, session, integrations, revision, readContext, grants, ask, readCoverage, onFailure, observer } = options
  const byName = new Map(integrations.map((integration) => [integration.name, integration]))
  const writeInput = createWriteInput(policy.policyReads, readContext)
  const { read, canBeRemembered } = createDecisionReader(revision)
  const memory = createDecisionMemory(policy, canBeRemembered)
  const bodyPaths = bodyPathsOf(policy.policyReads)

  function evaluate(request: AccessRequest, input: string, unread: readonly string[], answers?: Answers): Decision {
    const data = session.documents.imageFor(byName.get(request.integration.name))
    const decision =
      observer?.isDue() === true
        ? observed(observer, request, input, unread, (readText, calls) =>
            session.evaluate(data, input, request.at, readText, answers, unread, calls),
          )
        : session.evaluate(data, input, request.at, read, answers, unread)
    // An instance that once gave an odd answer is replaced, and the answer is not remembered.
    if (isEngineFailure(decision)) session.renew()
    return decision
  }

  function observed(
    { take }: Observer,
    request: AccessRequest,
    input: string,
    unread: readonly string[],
    run: (readText: (text: string) => Decision, calls: HostCall[]) => Decision,
  ): Decision {
    const calls: HostCall[] = []
    const report = (outcome: Evaluation['outcome']) =>
      take({ id: request.id, integration: request.integration.name, input: withUnread(input, unread), calls, outcome })
    const seen = { text: '' }
    const readSeen = (text: string) => {
      seen.text = text
      return read(text)
    }
    try {
      const decision = run(readSeen, calls)
      report(seen)
      return decision
    } catch (error) {
      // The evaluation starts again with what it lacked.
      if (!(error instanceof ExternalCallNeeded || error instanceof UnreadPart)) report({ failed: failureKindOf(error) })
      throw error
    }
  }

  function failed(error: unknown): Decision {
    const kind = failureKindOf(error)
    onFailure(kind, error)
    return denial(`engine/${kind}`, failureReasons[kind], revision)
  }

  const unreadOf = ({ kind }: AccessRequest, { facts }: Claim) => (hasUnreadBody(facts) ? (bodyPaths.get(kind) ?? nothing) : nothing)

  function coverageOf(request: AccessRequest, claim: Claim, unread: readonly string[]): Coverage {
    if (readCoverage === null) return 'covered'
    const data = session.documents.imageFor(byName.get(request.integration.name))
    return readCoverage(data, writeInput(request, claim), request.at, unread)
  }

  function decide(request: AccessRequest, claim: Claim, answers?: Answers, unread = unreadOf(request, claim)): Decision | null {
    const input = writeInput(request, claim)
    const { name } = request.integration
    const key = keyOf(input, unread)
    const known = observer?.isDue() === true ? undefined : memory.recall(name, key, request.at)
    if (known !== undefined) return known.decision
    if (input.length > maxInputCharacters)
      return denial('engine/input-too-large', 'the request is larger than the policy can look at', revision)
    const decision = unread.length === 0 ? evaluate(request, input, nothing, answers) : evaluateWithout(request, input, unread, answers)
    memory.keep(name, key, input, { decision, at: request.at })
    return decision
  }

  /** What is decided without a part holds whatever it is; `null` where it cannot be. */
  function evaluateWithout(request: AccessRequest, input: string, unread: readonly string[], answers?: Answers): Decision | null {
    try {
      return evaluate(request, input, unread, answers)
    } catch (error) {
      if (error instanceof UnreadPart) return null
      throw error
    }
  }

  /** An evaluation cannot wait: it stops at each question and at the body, and is begun again with one answer more. */
  async function decideAsync(request: AccessRequest, claimed: Claim, readBody: ReadBody): Promise<Decision> {
    let claim = claimed
    let until = performance.now() + grants.timeoutMs
    const answers = answersFor(request)
    let isCovered = false
    for (;;) {
      let outcome = attempt(request, claim, answers)
      // What nothing covers takes neither the time nor the quotas of those who would be asked.
      if (outcome instanceof ExternalCallNeeded && answers !== undefined && !isCovered) {
        outcome = unlessCovered(request, claim, outcome)
        isCovered = outcome instanceof ExternalCallNeeded
      }
      const now = performance.now()
      if (outcome === null) {
        claim = await readBody()
        // The caller's time, not that of those who are asked.
        until += performance.now() - now
      } else if (outcome instanceof ExternalCallNeeded && answers !== undefined) {
        const leftMs = until - now
        const tooMuch = answers.size >= grants.maxCalls ? `more than ${grants.maxCalls} questions` : leftMs <= 0 ? 'no time is left' : null
        answers.set(outcome.question, tooMuch === null ? await ask(outcome, leftMs, request) : { error: tooMuch })
        if (request.hangup.gone) throw new Refusal('client-closed', 'the caller went away while its rules waited for an answer')
      } else return outcome instanceof ExternalCallNeeded ? failed(outcome) : outcome
    }
  }

  function attempt(
    request: AccessRequest,
    claim: Claim,
    answers: Answers | undefined,
    unread?: readonly string[],
  ): Decision | ExternalCallNeeded | null {
    try {
      return decide(request, claim, answers, unread)
    } catch (error) {
      return error instanceof ExternalCallNeeded ? error : failed(error)
    }
  }

  /** `needed` where something covers the request, the denial where nothing does; `null`: that depends on the body. */
  function unlessCovered(
    request: AccessRequest,
    claim: Claim,
    needed: ExternalCallNeeded,
    unread = unreadOf(request, claim),
  ): Decision | ExternalCallNeeded | null {
    try {
      const coverage = coverageOf(request, claim, unread)
      if (coverage === 'covered') return needed
      return coverage === 'unread' ? null : { ...denial('default/deny', '', revision), reasons: coverage.uncovered }
    } catch (error) {
      return failed(error)
    }
  }

  return {
    revision,
    needs: needsOf(policy.policyReads),
    policyReads: policy.policyReads,
    decide(request, claim) {
      try {
        return decide(request, claim)
      } catch (error) {
        return failed(error)
      }
    },
    decideWithout(request, claim, unread) {
      const outcome = attempt(request, claim, answersFor(request), unread)
      return outcome instanceof ExternalCallNeeded ? unlessCovered(request, claim, outcome, unread) : outcome
    },
    decideAsync: mayWait(session.documents.loader.base.builtins) ? decideAsync : null,
  }
}

/** None are known yet; `undefined`: what rules ask is itself decided without asking, or they would ask forever. */
function answersFor({ door }: AccessRequest): Answers | undefined {
  return door === 'policy' ? undefined : new Map()
}

const nothing: readonly string[] = []
