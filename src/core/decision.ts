/** A policy's answer. Whatever is not exactly of this shape is a denial. */
import { isMapped, readBlock } from '../canonical/index.ts'

/** What must be done if the request is allowed. Absent means the gateway's default. */
export interface Obligations {
  readonly tls?: 'tunnel' | 'intercept'
  readonly timeoutMs?: number
  readonly maxRequestBytes?: number
  readonly maxReplyBytes?: number
  /** CIDR blocks outside the public internet that may be dialled. */
  readonly addresses?: readonly string[]
}

export interface Decision {
  readonly allow: boolean
  /** The rule that decided: `default/network/0`, `default/deny`, `rules/deny`, … */
  readonly rule: string
  readonly reasons: readonly string[]
  readonly obligations: Obligations
  /** Revision of the policy and data that decided. */
  readonly revision: string
}

const none: Obligations = Object.freeze({})

export function denial(rule: string, reason: string, revision: string): Decision {
  return { allow: false, rule, reasons: [reason], obligations: none, revision }
}

/**
 * Reads what the engine returned. Never throws: an unknown key, value or type anywhere is a denial
 * by the rule `engine/malformed-decision` that says what was odd.
 */
export function readDecision(value: unknown, revision: string): Decision {
  const odd = (reason: string) => denial('engine/malformed-decision', reason, revision)
  if (!isRecord(value)) return odd('the policy returned no decision object')
  for (const key of Object.keys(value)) if (!decisionKeys.has(key)) return odd(`unknown key "${key}" in the decision`)
  const { allow, rule, reasons, obligations } = value
  if (typeof allow !== 'boolean') return odd('"allow" is not a boolean')
  if (typeof rule !== 'string' || rule === '') return odd('"rule" is not a name')
  if (!isStringList(reasons)) return odd('"reasons" is not a list of strings')
  if (!isRecord(obligations)) return odd('"obligations" is not an object')
  for (const key of Object.keys(obligations)) {
    const valid = Object.hasOwn(obligationChecks, key) ? obligationChecks[key as keyof Obligations] : undefined
    if (valid === undefined) return odd(`unknown obligation "${key}"`)
    if (!valid(obligations[key])) return odd(`obligation "${key}" has a value that is not allowed`)
  }
  return { allow, rule, reasons, obligations: obligations as Obligations, revision }
}

const decisionKeys: ReadonlySet<string> = new Set(['allow', 'rule', 'reasons', 'obligations'])

const obligationChecks: Readonly<Record<keyof Obligations, (value: unknown) => boolean>> = {
  tls: (value) => value === 'tunnel' || value === 'intercept',
  timeoutMs: isPositiveInteger,
  maxRequestBytes: isPositiveInteger,
  maxReplyBytes: isPositiveInteger,
  addresses: (value) => isStringList(value) && value.every(isBlock),
}

/** Every obligation there is; docs/policy/obligations.md is checked against it both ways. */
export const obligationKeys = Object.keys(obligationChecks) as readonly (keyof Obligations)[]

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** An address, or one with the length of a prefix. What would admit nothing is none. */
function isBlock(text: string): boolean {
  const block = readBlock(text)
  return block !== null && !isMapped(block)
}

function isPositiveInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
