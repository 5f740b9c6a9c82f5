/** What a rule has found, as it is kept, listed, recorded and delivered. */

import { type Severity, severities } from '../core/index.ts'
import type { Finding } from '../detect/index.ts'

/** A finding; the rule may be one that this version does not have any more. */
export interface Found extends Omit<Finding, 'rule'> {
  readonly rule: string
}

export type AlertState = 'open' | 'acknowledged' | 'resolved'

export interface Alert extends Omit<Found, 'at'> {
  readonly id: string
  readonly state: AlertState
  /** Since it was raised, or came back after its resolution. */
  readonly firstAt: number
  readonly lastAt: number
  /** How often it was found since `firstAt`. */
  readonly count: number
  /** How often it came back after its resolution. */
  readonly reopened: number
  /** Who acknowledged it; `null` while nobody has. */
  readonly acknowledgedBy: string | null
  readonly acknowledgedAt: number | null
  /** What they said. */
  readonly reason: string | null
  readonly resolvedAt: number | null
  /** When each receiver last took a message of it. */
  readonly delivered: Readonly<Record<string, number>>
  /** The change that is not known to be in the audit log. */
  readonly unrecorded: AlertEvent | null
}

/** What happens to an alert that others are told of. */
export type AlertEvent = 'raised' | 'reopened' | 'escalated' | 'acknowledged' | 'resolved'

export interface AlertChange {
  readonly event: AlertEvent
  readonly alert: Alert
  /** Of an escalation: what it was before. */
  readonly previousSeverity: Severity | null
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least)
}

/** Alerts of the same rule, integration and destination are one. */
export function keyOf({ rule, integration, destination }: Pick<Found, 'rule' | 'integration' | 'destination'>): string {
  return JSON.stringify([rule, integration, destination])
}
