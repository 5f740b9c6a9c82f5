/** What the gateway and the process that watches say to each other. */
import type { AlertChange, AlertsStatus, ReceiverChange } from '../alerts/index.ts'
import type { ReceiverConfig, RulesFor, WatchRules } from '../config/index.ts'
import type { Finding, Learned, WatchEvent } from '../detect/index.ts'
import type { Slice } from '../watch/index.ts'
import type { StoreState } from './store.ts'

export interface WatcherSettings {
  /** Of the store. */
  readonly file: string
  readonly rules: WatchRules
  readonly rulesFor: RulesFor
  readonly timeZone: string
  readonly receivers: readonly ReceiverConfig[]
  /** An alert that is not found for so long is resolved. */
  readonly resolveAfterMs: number
  /** Its name, for those who are told of its alerts. */
  readonly gateway: string
}

export type ToWatcher =
  | { readonly kind: 'start'; readonly settings: WatcherSettings }
  | { readonly kind: 'slice'; readonly slice: Slice }
  | { readonly kind: 'event'; readonly event: WatchEvent }
  | { readonly kind: 'ask'; readonly id: number; readonly question: string; readonly args: Args }
  /** Write what is not written yet, and end. */
  | { readonly kind: 'close' }

export type Args = Readonly<Record<string, string | number | boolean | null>>

export interface WatcherStatus {
  readonly store: StoreState
  readonly slices: number
  readonly learned: Learned
  readonly alerts: AlertsStatus
}

export type FromWatcher =
  /** A slice was looked at. */
  | { readonly kind: 'took' }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] }
  | { readonly kind: 'alert'; readonly change: AlertChange }
  | { readonly kind: 'receiver'; readonly change: ReceiverChange }
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown; readonly problem: string | null }
  | { readonly kind: 'status'; readonly status: WatcherStatus }
