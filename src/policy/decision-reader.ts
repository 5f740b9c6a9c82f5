/** Reads the result of an evaluation as a decision: anything that is not exactly of that shape is a denial. */
import { LRUCache } from 'lru-cache'
import { isMapped, readBlock } from '../canonical/index.ts'
import { type Decision, denial, isEngineFailure, type Obligations, timeoutKeys } from '../core/index.ts'

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

/**
 * Reads what the engine returned. Never throws: an unknown key, value or type anywhere is a denial
 * by the rule `engine/malformed-decision` that says what was odd.
 */
export function readDecision(value: unknown, revision: string): Decision {
  const odd = (reason: string) => denial('engine/malformed-decision', reason, revision)
  if (!isRecord(value)) return odd('the policy returned no decision object')
  for (const key of Object.keys(value)) if (!decisionKeys.has(key)) return odd(`unknown key "${key}" in the decision`)
  const { allow, rule, capability = null, reasons, obligations } = value
  if (typeof allow !== 'boolean') return odd('"allow" is not a boolean')
  if (!isName(rule)) return odd('"rule" is not a name')
  if (isEngineFailure({ rule })) return odd('"rule" says that the engine failed, which a policy cannot say')
  // Absent where none allowed it, never null: what is undefined in Rego leaves a decision undefined.
  if (Object.hasOwn(value, 'capability') && !isName(capability)) return odd('"capability" is not a name')
  if (!isStringList(reasons)) return odd('"reasons" is not a list of strings')
  if (!isRecord(obligations)) return odd('"obligations" is not an object')
  for (const key of Object.keys(obligations)) {
    const valid = Object.hasOwn(obligationChecks, key) ? obligationChecks[key as keyof Obligations] : undefined
    if (valid === undefined) return odd(`unknown obligation "${key}"`)
    if (!valid(obligations[key])) return odd(`obligation "${key}" has a value that is not allowed`)
  }
  return { allow, rule, capability: capability as string | null, reasons, obligations: obligations as Obligations, revision }
}

const decisionKeys: ReadonlySet<string> = new Set(['allow', 'rule', 'capability', 'reasons', 'obligations'])

const obligationChecks: Readonly<Record<keyof Obligations, (value: unknown) => boolean>> = {
  tls: (value) => value === 'tunnel' || value === 'intercept',
  timeoutMs: (value) => isPositiveInteger(value) && (value as number) <= maxTimeoutMs,
  timeouts: isTimeouts,
  retries: isRetries,
  maxRequestBytes: isPositiveInteger,
  maxReplyBytes: isPositiveInteger,
  maxMessageBytes: isPositiveInteger,
  messagesPerSecond: isPositiveInteger,
  addresses: (value) => isStringList(value) && value.every(isBlock),
}

/** Every obligation there is; docs/policy/obligations.md is checked against it both ways. */
export const obligationKeys = Object.keys(obligationChecks) as readonly (keyof Obligations)[]

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** An address, or one with the length of a prefix. A text that would admit nothing is not one. */
function isBlock(text: string): boolean {
  const block = readBlock(text)
  return block !== null && !isMapped(block)
}

function isPositiveInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

/** Node's timers fire at once where a delay does not fit 31 bits. */
const maxTimeoutMs = 2 ** 31 - 1

function isTimeouts(value: unknown): boolean {
  if (!isRecord(value)) return false
  return Object.entries(value).every(
    ([key, ms]) => (timeoutKeys as readonly string[]).includes(key) && isPositiveInteger(ms) && (ms as number) <= maxTimeoutMs,
  )
}

function isRetries(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { attempts, backoffMs = 1, budgetPercent = 1, ...others } = value
  const upTo = (given: unknown, most: number) => isPositiveInteger(given) && (given as number) <= most
  return Object.keys(others).length === 0 && upTo(attempts, 5) && upTo(backoffMs, 60_000) && upTo(budgetPercent, 100)
}
