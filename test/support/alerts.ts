/** Findings, and a store of alerts, for tests. */
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import {
  type AlertChange,
  type AlertStore,
  type Alerts,
  alertTables,
  createAlertStore,
  createAlerts,
  type Found,
} from '../../src/alerts/index.ts'
import type { Dropped, Notice, Receiver, Transport } from '../../src/alerts/receiver.ts'
import { migrate } from '../../src/watcher/migrations.ts'
import { openStore as openWatchStore } from '../../src/watcher/store.ts'

export function found(given: Partial<Found> = {}): Found {
  return {
    rule: 'new-destination',
    severity: 'medium',
    integration: 'invoices',
    owner: 'team-billing@example.com',
    destination: 'files.example.net:443',
    title: 'First use of a destination',
    detail: 'invoices has never used files.example.net:443 before',
    measures: [{ measure: 'sentBytes', value: 10_485_760, median: 2048, mad: 512, deviations: 20_476, samples: 168, hourOfWeek: 42 }],
    ids: ['01H0000000000000000000000A'],
    at: Date.UTC(2026, 10, 28, 9),
    contain: null,
    playbook: 'new-destination',
    ...given,
  }
}

/** The watcher's, in this file; in memory where there is none. */
export function openStore(file?: string): { readonly store: AlertStore; readonly database: DatabaseSync; check(): void } {
  const opened = file === undefined ? inMemory() : openWatchStore(file, migrate)
  return { store: createAlertStore(opened), database: opened.database, check: opened.check }
}

function inMemory() {
  const database = new DatabaseSync(':memory:')
  database.exec(alertTables)
  let problem: string | null = null
  return {
    ...{ database, state: () => ({ problem }), check: () => {} },
    write(work: (on: DatabaseSync) => void) {
      try {
        work(database)
        return true
      } catch (error) {
        problem = (error as Error).message
        return false
      }
    },
  }
}

export interface FakeReceiver {
  readonly receiver: Receiver
  /** `event of the alert`, each that was taken. */
  readonly taken: readonly Notice[]
  readonly told: readonly Dropped[]
  events(): readonly string[]
  /** Decides on each attempt: throws, or waits. */
  on(attempt: (notice: Notice) => unknown): void
}

/** In memory; takes everything until a test says otherwise. */
export function createFakeReceiver(given: Partial<Receiver> = {}): FakeReceiver {
  const taken: Notice[] = []
  const told: Dropped[] = []
  let before: (notice: Notice) => unknown = () => {}
  const answer = { status: 200, text: 'ok' }
  const transport: Transport = {
    async send(notice) {
      await before(notice)
      taken.push(notice)
      return answer
    },
    sendDropped: async (dropped) => void told.push(dropped),
    close: async () => {},
  }
  return {
    taken,
    told,
    events: () => taken.map(({ event, alert }) => `${event} ${alert.destination}`),
    on(attempt) {
      before = attempt
    },
    receiver: {
      ...{ name: 'ops', minSeverity: 'info', rules: [], integrations: [], owners: [], remindAfterMs: null },
      ...{ timeoutMs: 5000, maxDelayMs: 10, maxWaiting: 100, isLatestEnough: false, transport },
      ...given,
    },
  }
}

export interface AlertsForTest extends Alerts {
  /** Those that the audit log was told of: `event id`. */
  readonly changes: readonly string[]
  /** Moves the clock, and gives what time brings. */
  after(ms: number): readonly AlertChange[]
}

/** Ends with the test. */
export function alertsOver(
  t: TestContext,
  store: AlertStore,
  receivers: readonly Pick<FakeReceiver, 'receiver'>[],
  resolveAfterMs = 3_600_000,
): AlertsForTest {
  let time = found().at
  const changes: string[] = []
  const alerts = createAlerts({
    ...{ store, resolveAfterMs, now: () => time, onReceiver: () => {} },
    onChange: ({ event, alert: { id } }) => void changes.push(`${event} ${id}`),
    receivers: receivers.map(({ receiver }) => receiver),
  })
  t.after(() => alerts.close())
  return {
    ...alerts,
    changes,
    after(ms) {
      time += ms
      return alerts.tick()
    },
  }
}
