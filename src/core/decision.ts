/** A policy's answer. */

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
  /** Id of the capability of the manifest that allowed it (`network/0`, `files/2`); `null` where none did, or the policy does not say. */
  readonly capability: string | null
  readonly reasons: readonly string[]
  readonly obligations: Obligations
  /** Revision of the policy and data that decided. */
  readonly revision: string
}

const none: Obligations = Object.freeze({})

/** Rules of the engine itself: an evaluation failed, or its answer is not a decision. No policy can answer one. */
export function isEngineFailure({ rule }: Pick<Decision, 'rule'>): boolean {
  return rule.startsWith('engine/')
}

export function denial(rule: string, reason: string, revision: string): Decision {
  return { allow: false, rule, capability: null, reasons: [reason], obligations: none, revision }
}
