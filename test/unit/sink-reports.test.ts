/** What is said of sinks: counts over restarts of the shipping process, and a lag that grows while nothing is heard of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSinkReports } from '../../src/gateway/sink-reports.ts'
import { createLogger, createMetrics } from '../../src/telemetry/index.ts'

const idle = { name: 'siem', next: 10, oldestMs: null, shipped: 10, dropped: 0, refused: 0, lost: 0, errors: 0, problem: null }

function reportsOf() {
  const lines: string[] = []
  const state = { records: 10, nowMs: 1_000_000 }
  const reports = createSinkReports({
    sinks: [{ name: 'siem', type: 'stdout' }],
    records: () => state.records,
    now: () => state.nowMs,
    logger: createLogger({ level: 'info', mask: (line) => line, destination: { write: (line) => void lines.push(JSON.parse(line).msg) } }),
    metrics: createMetrics(),
  })
  return { reports, state, lines, status: () => reports.status()[0] }
}

test('a sink has counts since the gateway started, also where its process was started again', () => {
  const { reports, status } = reportsOf()
  reports.take([{ ...idle, shipped: 10, errors: 2 }])
  reports.take([{ ...idle, shipped: 12, errors: 2 }])
  reports.take([{ ...idle, shipped: 3, errors: 0 }])
  reports.take([{ ...idle, shipped: 4, errors: 1 }])
  assert.deepEqual([status()?.shipped, status()?.errors], [16, 3])
})

test('the lag is that of the oldest record, or since the sink had everything where its process says nothing', () => {
  const { reports, state, status } = reportsOf()
  const lag = () => [status()?.lagRecords, status()?.lagSeconds]
  assert.deepEqual(lag(), [null, 0])
  reports.take([idle])
  assert.deepEqual(lag(), [0, 0])
  state.nowMs += 5000
  assert.deepEqual(lag(), [0, 0])
  state.records = 13
  assert.deepEqual(lag(), [3, 5])
  reports.take([{ ...idle, oldestMs: state.nowMs - 2000 }])
  assert.deepEqual(lag(), [3, 2])
  reports.take([{ ...idle, next: 13 }])
  assert.deepEqual(lag(), [0, 0])
})

test('each problem is logged once, and that it is solved', () => {
  const { reports, lines } = reportsOf()
  reports.take([{ ...idle, problem: 'refused' }])
  reports.take([{ ...idle, problem: 'refused' }])
  reports.take([idle])
  reports.take([idle])
  assert.deepEqual(lines, [
    'a sink of the audit log takes nothing; it is tried again, and no request is affected',
    'a sink of the audit log takes records again',
  ])
})
