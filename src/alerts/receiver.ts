/** A receiver of alerts: which it wants, and how a message is brought to it. */
import type { Severity } from '../core/index.ts'
import { type Alert, type AlertEvent, isAtLeast } from './alert.ts'

export type NoticeEvent = AlertEvent | 'reminder' | 'test'

/** One message about an alert, to one receiver. */
export interface Notice {
  /** Grows with each. Together with the alert's id it is how a repetition is known. */
  readonly seq: number
  readonly receiver: string
  readonly event: NoticeEvent
  /** As it was then. */
  readonly alert: Alert
  readonly previousSeverity: Severity | null
  readonly at: number
}

/** Messages that were given up because too many waited. */
export interface Dropped {
  readonly count: number
  readonly from: number
  readonly to: number
  /** Of alerts; not of all. */
  readonly alerts: readonly string[]
}

/** What a receiver said. */
export interface Answer {
  readonly status: number
  /** The beginning of its body. */
  readonly text: string
}

export interface Transport {
  /** Resolves once it is taken; else rejects with `NotTaken`. */
  send(notice: Notice, signal: AbortSignal): Promise<Answer>
  /** Says what it will not get any more. */
  sendDropped(dropped: Dropped, signal: AbortSignal): Promise<unknown>
  /** For receivers that forget an alert which is not said again: all of them, every `everyMs`. */
  readonly repeat?: { readonly everyMs: number; send(alerts: readonly Alert[], signal: AbortSignal): Promise<void> }
  close(): Promise<void>
}

export interface Receiver {
  readonly name: string
  readonly minSeverity: Severity
  /** Only these; all where empty. */
  readonly rules: readonly string[]
  readonly integrations: readonly string[]
  readonly owners: readonly string[]
  /** While an alert is open it is sent again after this time; `null`: never. */
  readonly remindAfterMs: number | null
  readonly timeoutMs: number
  /** The longest time between two attempts. */
  readonly maxDelayMs: number
  readonly maxWaiting: number
  /** The state of an alert is all that counts: a new message takes the place of one that waits. */
  readonly isLatestEnough: boolean
  readonly transport: Transport
}

/** It is to be sent again. */
export class NotTaken extends Error {
  /** What the receiver asks for; 0 where it says nothing. */
  readonly afterMs: number
  /** It is this message that is not taken: others may be. */
  readonly isContent: boolean
  readonly answer: Answer | null

  constructor(
    message: string,
    { afterMs = 0, isContent = false, answer = null }: Partial<Pick<NotTaken, 'afterMs' | 'isContent' | 'answer'>>,
  ) {
    super(message)
    this.name = 'NotTaken'
    this.afterMs = afterMs
    this.isContent = isContent
    this.answer = answer
  }
}

export function wants(receiver: Receiver, { severity, rule, integration, owner }: Alert): boolean {
  const { rules, integrations, owners, minSeverity } = receiver
  return isAtLeast(severity, minSeverity) && among(rules, rule) && among(integrations, integration) && among(owners, owner)
}

function among(wanted: readonly string[], value: string | null): boolean {
  return wanted.length === 0 || (value !== null && wanted.includes(value))
}
