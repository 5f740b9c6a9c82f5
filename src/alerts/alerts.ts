/** Alerts: found, told to receivers, acknowledged and resolved. */
import { randomInt } from 'node:crypto'
import { type Severity, severities } from '../core/index.ts'
import { type Alert, type AlertChange, type Found, keyOf } from './alert.ts'
import type { AlertFilter, AlertStore } from './alert-store.ts'
import { type CourierStatus, createCourier } from './courier.ts'
import { createLedger } from './ledger.ts'
import { acknowledge, findAgain, inTime, raise, resolveQuiet } from './life-cycle.ts'
import { createOutbox } from './outbox.ts'
import { NotTaken, type Receiver } from './receiver.ts'

export interface AlertsOptions {
  readonly store: AlertStore
  readonly receivers: readonly Receiver[]
  /** An alert that is not found for so long is resolved. */
  readonly resolveAfterMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onReceiver: (change: ReceiverChange) => void
  /** Before anyone is told. */
  readonly onChange: (change: AlertChange) => void
}

/** A receiver takes nothing, for this reason; or takes something again, and was not sent so many messages meanwhile. */
export interface ReceiverChange {
  readonly receiver: string
  readonly problem: string | null
  readonly dropped: number
}

export interface Tested {
  readonly receiver: string
  readonly isTaken: boolean
  /** What it answered; `null`: nothing. */
  readonly status: number | null
  readonly text: string
  readonly problem: string | null
  readonly durationMs: number
}

export interface AlertsStatus {
  /** Alerts that are not resolved. */
  readonly open: Readonly<Record<Severity, number>>
  readonly acknowledged: number
  readonly receivers: readonly CourierStatus[]
  /** Findings that no alert could be made of, since there are too many. */
  readonly overflowed: number
  /** Why the store takes nothing. */
  readonly storeProblem: string | null
}

export interface Alerts {
  /** `null`: nothing that others are told. */
  take(found: Found): AlertChange | null
  /** What time brings: resolutions, which it gives, and reminders. At least every few seconds. */
  tick(): readonly AlertChange[]
  list(filter: AlertFilter): { readonly alerts: readonly Alert[]; readonly isWhole: boolean }
  byId(id: string): Alert | null
  /** A text says why not. */
  acknowledge(id: string, by: string, reason: string | null): AlertChange | string
  /** A labelled alert, at once and once; a text says why not. */
  test(receiver: string): Promise<Tested | string>
  /** The change is in the audit log. One that never gets there is told of again by the next process. */
  recorded(id: string, event: string): void
  status(): AlertsStatus
  close(): Promise<void>
}

const maxActive = 5000
/** Of a rule and an integration, each with a destination of its own; the rest are one. */
const maxDestinations = 50
const others = '(others)'
const keptMs = 30 * 24 * 3_600_000
/** How old a change may be that is told of again. */
const unrecordedMs = 24 * 3_600_000
const forgetEveryMs = 3_600_000

export function createAlerts({ store, receivers, resolveAfterMs, now, onReceiver, onChange }: AlertsOptions): Alerts {
  const ledger = createLedger(store)
  const outbox = createOutbox(ledger, receivers)
  const couriers = receivers.map((receiver) =>
    createCourier({
      ...{ receiver, outbox, ledger, now },
      onRecovered: (dropped) => onReceiver({ receiver: receiver.name, problem: null, dropped }),
      onFailure: (problem) => onReceiver({ receiver: receiver.name, problem, dropped: 0 }),
    }),
  )
  let overflowed = 0
  let forgetAt = 0

  function told(change: AlertChange): AlertChange {
    ledger.save({ ...change.alert, unrecorded: change.event })
    onChange(change)
    outbox.queue(change.event, change, now())
    // A message must not be lost with the process once its alert is known.
    ledger.flush()
    for (const courier of couriers) courier.wake()
    return change
  }

  /** One integration that reaches out everywhere is one alert in the end, and not thousands. */
  function folded(found: Found): Found {
    if (found.destination === null) return found
    let alike = 0
    for (const { rule, integration } of ledger.active()) if (rule === found.rule && integration === found.integration) alike += 1
    return alike < maxDestinations ? found : { ...found, destination: others }
  }

  const recent = ledger.list({ states: ['resolved'], since: now() - unrecordedMs, limit: maxActive }).alerts
  for (const alert of [...ledger.active(), ...recent])
    if (alert.unrecorded) onChange({ event: alert.unrecorded, alert, previousSeverity: null })

  return {
    take(given) {
      const isActive = (found: Found) => (ledger.find(keyOf(found))?.state ?? 'resolved') !== 'resolved'
      const found = isActive(given) ? given : folded(given)
      const known = ledger.find(keyOf(found))
      if (known !== null) {
        const change = findAgain(known, found)
        if (change.event !== null) return told(change)
        ledger.save(change.alert)
        return null
      }
      if (ledger.activeCount >= maxActive) {
        overflowed += 1
        return null
      }
      return told(raise(found, createId()))
    },
    tick() {
      const at = now()
      for (const alert of [...ledger.active()]) if (inTime(alert, at) !== alert) ledger.save(inTime(alert, at))
      const resolved = [...ledger.active()].flatMap((alert) => resolveQuiet(alert, resolveAfterMs, at) ?? [])
      for (const change of resolved) told(change)
      outbox.remind(at)
      if (at >= forgetAt) {
        ledger.forget(at - keptMs)
        forgetAt = at + forgetEveryMs
      }
      ledger.flush()
      for (const courier of couriers) courier.wake()
      return resolved
    },
    list: (filter) => ledger.list(filter),
    byId: (id) => ledger.byId(id),
    acknowledge(id, by, reason) {
      const known = ledger.byId(id)
      if (known === null) return `there is no alert "${id}"`
      const change = acknowledge(known, by, reason, now())
      return change === null
        ? `the alert is ${known.state}${known.state === 'acknowledged' ? `, by ${known.acknowledgedBy}` : ''}`
        : told(change)
    },
    recorded(id, event) {
      const known = ledger.byId(id)
      if (known?.unrecorded === event) ledger.save({ ...known, unrecorded: null })
    },
    async test(name) {
      const receiver = receivers.find((other) => other.name === name)
      if (receiver === undefined) return `there is no receiver "${name}"`
      return sendTest(receiver, now())
    },
    status() {
      const open = Object.fromEntries(severities.map((severity) => [severity, 0])) as Record<Severity, number>
      let acknowledged = 0
      for (const { state, severity } of ledger.active()) {
        if (state === 'open') open[severity] += 1
        else acknowledged += 1
      }
      return { open, acknowledged, receivers: couriers.map((courier) => courier.status()), overflowed, storeProblem: ledger.problem }
    },
    async close() {
      await Promise.all(couriers.map((courier) => courier.close()))
      ledger.flush()
    },
  }
}

async function sendTest({ name, transport, timeoutMs }: Receiver, at: number): Promise<Tested> {
  const begun = performance.now()
  const { alert } = raise({ ...testFinding, at }, `test-${createId()}`)
  const notice = { seq: 0, receiver: name, event: 'test', alert, previousSeverity: null, at } as const
  const { answer, problem } = await transport.send(notice, AbortSignal.timeout(Math.min(timeoutMs, maxTestMs))).then(
    (taken) => ({ answer: taken, problem: null }),
    (error: Error) => ({ answer: error instanceof NotTaken ? error.answer : null, problem: error.message }),
  )
  return {
    ...{ receiver: name, isTaken: problem === null, status: answer?.status ?? null, text: answer?.text ?? '', problem },
    durationMs: Math.round(performance.now() - begun),
  }
}

/** Whoever asked waits for it. */
const maxTestMs = 4000

const testFinding = {
  rule: 'test',
  severity: 'info',
  integration: null,
  owner: null,
  destination: null,
  title: 'Test of a receiver',
  detail: 'An operator has asked for this message; nothing has happened.',
  measures: [],
  ids: [],
  contain: null,
  playbook: '',
} as const

/** Without letters that are read as digits (Crockford’s base 32), for people who type it. */
const letters = '0123456789abcdefghjkmnpqrstvwxyz'

function createId(): string {
  return Array.from({ length: 10 }, () => letters[randomInt(letters.length)]).join('')
}
