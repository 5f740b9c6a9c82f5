/** What the detector found: which rule, about whom, and the numbers that say why. */
import type { WatchRules } from '../config/index.ts'
import type { Severity } from '../core/index.ts'

export type RuleName = keyof WatchRules

/** One measure against its baseline. */
export interface Measured {
  readonly measure: string
  readonly value: number
  /** `null`: there is no baseline yet; the rule's own bound was passed. */
  readonly median: number | null
  readonly mad: number | null
  readonly deviations: number | null
  /** How many hours or windows the baseline has seen. */
  readonly samples: number
  /** 0 is Monday, 00:00 to 01:00 in `watch.timeZone`. */
  readonly hourOfWeek: number
}

export interface Containing {
  readonly state: 'watched' | 'throttled' | 'suspended' | 'killed'
  readonly forMs: number
}

export interface Finding {
  readonly rule: RuleName
  readonly severity: Severity
  /** `null`: of the gateway itself. */
  readonly integration: string | null
  readonly owner: string | null
  readonly destination: string | null
  readonly title: string
  readonly detail: string
  readonly measures: readonly Measured[]
  /** Examples: ids of requests. */
  readonly ids: readonly string[]
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly contain: Containing | null
  /** Anchor in docs/watch/playbooks.md. */
  readonly playbook: string
}
