/** A policy's answer. */

export const timeoutKeys = [
  /** The lookup of the name, and the TCP connection. */
  'connectMs',
  /** The TLS handshake with the destination. */
  'tlsMs',
  /** From when the request has its connection to the head of the reply, without the time that the caller takes for its body. */
  'firstByteMs',
  /** Without a byte of the reply; in a tunnel or a WebSocket, in either direction. */
  'idleMs',
  /** Everything from the permission on: each attempt and the whole reply; of a tunnel or a WebSocket, as long as it is open. */
  'totalMs',
] as const

/** How long each part of an exchange may take, in milliseconds. */
export type Timeouts = { readonly [Key in (typeof timeoutKeys)[number]]?: number }

/** When an idempotent request is sent again by itself. */
export type Retries = {
  /** How often it is sent at most, the first time included. */
  readonly attempts: number
  /** The pause before the second attempt; it doubles with each further one. */
  readonly backoffMs?: number
  /** Retries among the requests to an origin, beyond a reserve of ten. */
  readonly budgetPercent?: number
}

/** What must be done if the request is allowed. Absent means the gateway's default. */
export interface Obligations {
  readonly tls?: 'tunnel' | 'intercept'
  /** Until the head of the reply, everything together. */
  readonly timeoutMs?: number
  readonly timeouts?: Timeouts
  readonly retries?: Retries
  readonly maxRequestBytes?: number
  readonly maxReplyBytes?: number
  /** Of a WebSocket, each way. */
  readonly maxMessageBytes?: number
  readonly messagesPerSecond?: number
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
