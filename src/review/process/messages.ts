/** What the gateway and the process of a scheduled review say to each other. */
import type { RunResult, RunSettings } from '../scheduled.ts'

export type ToReview =
  | { readonly kind: 'run'; readonly settings: RunSettings }
  /** The result is durable in the log. */
  | { readonly kind: 'recorded' }

export type FromReview =
  | { readonly kind: 'found'; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly problem: string }
  /** `problem`: why the webhook did not take everything; the rest waits for the next run. */
  | { readonly kind: 'done'; readonly waiting: number; readonly problem: string | null }
