/** What is said of alerts and their receivers: records, counts over restarts of the process that watches, and log lines. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { AlertsStatus } from '../../src/alerts/index.ts'
import { acknowledge, raise } from '../../src/alerts/life-cycle.ts'
import { createAlertReports } from '../../src/gateway/alert-reports.ts'
import { createLogger, createMetrics } from '../../src/telemetry/index.ts'
import { found } from '../support/alerts.ts'

const idle = { name: 'ops', waiting: 0, oldestAt: null, taken: 0, failed: 0, dropped: 0, droppedTotal: 0, problem: null }
const nothing: AlertsStatus = {
  ...{ open: { info: 0, low: 0, medium: 0, high: 0, critical: 0 }, acknowledged: 0, receivers: [], overflowed: 0, storeProblem: null },
}

function reportsOf() {
  const records: object[] = []
  const confirmed: string[] = []
  const lines: { readonly level: string; readonly msg: string }[] = []
  const state = { status: nothing as AlertsStatus | null }
  const metrics = createMetrics()
  const reports = createAlertReports({
    receivers: [{ name: 'ops' }],
    status: () => state.status,
    note: (type, facts) => void records.push({ type, ...facts }),
    noted: async () => {},
    confirm: async (changes) => void confirmed.push(...changes),
    logger: createLogger({ level: 'info', mask: (line) => line, destination: { write: (line) => void lines.push(JSON.parse(line)) } }),
    metrics,
  })
  const metric = async (name: string) =>
    (await text(Readable.from(metrics.scrape(false).text))).match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1]
  return { reports, records, confirmed, lines, state, metric }
}

test('an alert is a record with its owner and the requests that show it, and a line of the log; once it is on disk, that is confirmed', async () => {
  const { reports, records, confirmed, lines } = reportsOf()
  const raised = raise(found({ ids: ['r1', 'r2'] }), 'a1')
  reports.onAlert(raised)
  const acknowledged = acknowledge(raised.alert, 'socket', 'known', 2000)
  reports.onAlert(acknowledged ?? raised)
  const common = {
    ...{ type: 'alert', alert: 'a1', rule: 'new-destination', severity: 'medium', integration: 'invoices' },
    ...{ owner: 'team-billing@example.com', destination: 'files.example.net:443', title: raised.alert.title, detail: raised.alert.detail },
    ...{ count: 1, since: '2026-11-28T09:00:00.000Z', requests: 'r1 r2' },
  }
  assert.deepEqual(records, [
    { ...common, event: 'raised', state: 'open' },
    { ...common, event: 'acknowledged', state: 'acknowledged', who: 'socket', reason: 'known' },
  ])
  assert.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [
      ['warn', 'something unusual passed'],
      ['info', 'an alert has ended, or is in hand'],
    ],
  )
  await reports.confirmed()
  assert.deepEqual(confirmed, ['a1 raised', 'a1 acknowledged'])
})

test('messages are counted since the gateway started, also where the process was started again', async () => {
  const { reports, metric } = reportsOf()
  reports.count({ ...nothing, receivers: [{ ...idle, taken: 10, failed: 2 }] })
  reports.count({ ...nothing, receivers: [{ ...idle, taken: 12, failed: 2, droppedTotal: 5 }] })
  reports.count({ ...nothing, receivers: [{ ...idle, taken: 3 }] })
  assert.equal(await metric('sallyport_alert_messages_taken_total\\{receiver="ops"\\}'), '15')
  assert.equal(await metric('sallyport_alert_messages_failed_total\\{receiver="ops"\\}'), '2')
  assert.equal(await metric('sallyport_alert_messages_dropped_total\\{receiver="ops"\\}'), '5')
})

test('open alerts, and receivers that take nothing, are in the metrics', async () => {
  const { state, metric } = reportsOf()
  state.status = { ...nothing, open: { ...nothing.open, high: 2 }, acknowledged: 1, receivers: [{ ...idle, waiting: 7, problem: 'no' }] }
  assert.equal(await metric('sallyport_alerts_open\\{severity="high"\\}'), '2')
  assert.equal(await metric('sallyport_alerts_acknowledged'), '1')
  assert.equal(await metric('sallyport_alert_messages_waiting\\{receiver="ops"\\}'), '7')
  assert.equal(await metric('sallyport_alert_receiver_failing\\{receiver="ops"\\}'), '1')
  state.status = null
  assert.equal(await metric('sallyport_alerts_open\\{severity="high"\\}'), '0')
})

test('it is said once that a receiver takes nothing, and that it does again', () => {
  const { reports, lines } = reportsOf()
  reports.onReceiver({ receiver: 'ops', problem: 'it answers with 503', dropped: 0 })
  reports.onReceiver({ receiver: 'ops', problem: null, dropped: 3 })
  assert.partialDeepStrictEqual(lines, [
    { level: 'warn', receiver: 'ops', problem: 'it answers with 503' },
    { level: 'info', receiver: 'ops', dropped: 3 },
  ])
})
