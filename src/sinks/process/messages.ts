/** What the gateway and the process that ships its log say to each other. */
import type { Progress, SinkEvent, SinkFact } from '../ship.ts'
import type { ShipperSettings } from '../shipper.ts'

export type ToShipper =
  | { readonly kind: 'start'; readonly settings: ShipperSettings }
  /** What was asked by this number is durable in the log; or `problem` says why it is not. */
  | { readonly kind: 'noted'; readonly number: number; readonly problem: string | null }
  | { readonly kind: 'reopen' }
  /** Ship what is below `upTo`, and end. */
  | { readonly kind: 'close'; readonly upTo: number; readonly withinMs: number }

export type FromShipper =
  | { readonly kind: 'progress'; readonly sinks: readonly Progress[] }
  | { readonly kind: 'note'; readonly number: number; readonly event: SinkEvent; readonly facts: SinkFact }
  | { readonly kind: 'mask-failed'; readonly sink: string; readonly problem: string }
