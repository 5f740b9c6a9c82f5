/** Usage per minute, hour, day and month: what is added up, how long it is kept, and how much of it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatWindows } from '../../src/cli/usage-windows.ts'
import { sparkline } from '../../src/usage/index.ts'
import type { Flow, Slice } from '../../src/watch/index.ts'
import { usageWindows, windowBehind, windowOf } from '../../src/watch/index.ts'
import { migrate } from '../../src/watcher/migrations.ts'
import { openStore } from '../../src/watcher/store.ts'
import { createUsageSeries, type UsageSeriesOptions } from '../../src/watcher/usage-series.ts'
import { eachCase, times } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'

const start = Date.UTC(2026, 0, 31, 23, 58)
const minuteMs = 60_000

const flow = (facts: Partial<Flow> = {}): Flow => ({
  ...{ integration: 'weather', owner: null, destination: 'api.example.com:443', requests: 1, denied: 0, limited: 0, failed: 0 },
  ...{ originErrors: 0, sentBytes: 10, receivedBytes: 100, durationMs: { count: 1, sum: 5, max: 5 }, pathHashes: [], startedAt: [] },
  ...{ labelEntropy: 0, isFirstUse: false, ids: [], ...facts },
})
const slice = (from: number, ...flows: readonly Flow[]): Slice => ({ from, to: from + 1000, flows })

function arrange(t: TestContext, options: UsageSeriesOptions = {}) {
  let now = start
  const file = join(createFolder(t), 'watch.db')
  const open = () => {
    const store = openStore(file, migrate, () => now)
    const series = createUsageSeries(store, { now: () => now, ...options })
    return {
      ...series,
      close: () => store.close(),
      count: () => Number(store.database.prepare('SELECT count(*) AS n FROM usage_series').get()?.['n']),
    }
  }
  return {
    open,
    setNow(ms: number) {
      now = ms
    },
  }
}

test('what passes is added up per minute, hour, day and month, and is there after a restart', (t) => {
  const { open } = arrange(t)
  const first = open()
  first.take(slice(start, flow(), flow({ destination: 'other.example:443', denied: 1, durationMs: { count: 0, sum: 0, max: 0 } })))
  first.take(slice(start + minuteMs, flow({ durationMs: { count: 1, sum: 20, max: 20 } })))
  first.save()
  first.close()
  const second = open()
  t.after(second.close)
  second.take(slice(start + 3 * minuteMs, flow({ integration: 'mail' }), flow()))
  const requests = usageWindows.map((window) =>
    second
      .answer({ window })
      .rows.map(({ integration, at, requests: count }) => `${integration} ${new Date(at).toISOString().slice(0, 16)} ${count}`),
  )
  assert.deepEqual(requests, [
    ['mail 2026-02-01T00:01 1', 'weather 2026-01-31T23:58 2', 'weather 2026-01-31T23:59 1', 'weather 2026-02-01T00:01 1'],
    ['mail 2026-02-01T00:00 1', 'weather 2026-01-31T23:00 3', 'weather 2026-02-01T00:00 1'],
    ['mail 2026-02-01T00:00 1', 'weather 2026-01-31T00:00 3', 'weather 2026-02-01T00:00 1'],
    ['mail 2026-02-01T00:00 1', 'weather 2026-01-01T00:00 3', 'weather 2026-02-01T00:00 1'],
  ])
  assert.partialDeepStrictEqual(second.answer({ window: 'month', integration: 'weather', until: Date.UTC(2026, 1) }), {
    rows: [{ requests: 3, denied: 1, sentBytes: 30, receivedBytes: 300, ended: 2, totalMs: 25, maxMs: 20 }],
    ...{ next: null, oldest: Date.UTC(2026, 0) },
  })
  assert.throws(() => second.answer({ window: 'week' }), /there is no window "week": there are minute, hour, day, month/)
})

test('of each bucket the lowest level is kept per window; where nothing is known of it, null', (t) => {
  const { open } = arrange(t)
  const first = open()
  const full = { arrivals: 1, requests: 1, bytesOut: 1, bytesIn: 1, concurrency: 1 }
  const passed = (minute: number, lowest: Slice['lowest']) => ({ ...slice(start + minute * minuteMs, flow()), ...(lowest && { lowest }) })
  first.take(passed(0, { weather: { ...full, requests: 0.25 }, mail: full }))
  first.take(passed(0, { weather: { ...full, requests: 0.5, bytesOut: -0.12345 } }))
  first.save()
  first.take(passed(1, { weather: { ...full, requests: 0.75 } }))
  first.take(passed(5, {}))
  first.save()
  first.close()
  const second = open()
  t.after(second.close)
  const lowest = (window: 'minute' | 'day') => second.answer({ window }).rows.map((row) => row.lowest)
  assert.deepEqual(lowest('minute'), [{ ...full, requests: 0.25, bytesOut: -0.1235 }, { ...full, requests: 0.75 }, null])
  assert.deepEqual(lowest('day')[0], { ...full, requests: 0.25, bytesOut: -0.1235 })
})

test('each window is kept as long as it says, and no longer', (t) => {
  const { open, setNow } = arrange(t)
  const series = open()
  t.after(series.close)
  series.take(slice(start, flow()))
  const left = () => usageWindows.filter((window) => series.answer({ window }).rows.length > 0)
  const days = (count: number) => start + count * 86_400_000
  const found: (readonly string[])[] = []
  eachCase([days(0), days(1), days(15), days(402), days(3700)], (now) => {
    setNow(now)
    found.push(left())
  })
  assert.deepEqual(found, [usageWindows, ['hour', 'day', 'month'], ['day', 'month'], ['month'], []])
})

test('of more integrations than there is room for, the oldest windows go', (t) => {
  const { open, setNow } = arrange(t, { maxRows: 100 })
  const series = open()
  t.after(series.close)
  times(20, (minute) => {
    setNow(start + minute * 11 * minuteMs)
    series.take(slice(start + minute * 11 * minuteMs, ...Array.from({ length: 10 }, (_, index) => flow({ integration: `i${index}` }))))
    series.save()
  })
  const { rows, oldest } = series.answer({ window: 'minute' })
  assert.ok(rows.length <= 110, `${rows.length}`)
  assert.equal(oldest, start + 10 * 11 * minuteMs)
  assert.equal(rows.at(-1)?.at, start + 19 * 11 * minuteMs)
})

test('an answer is a page of whole integrations, and all pages together are everything', (t) => {
  const { open } = arrange(t, { pageRows: 400 })
  const series = open()
  t.after(series.close)
  times(25, (minute) =>
    series.take(slice(start + minute * minuteMs, ...Array.from({ length: 20 }, (_, index) => flow({ integration: `i${index}` })))),
  )
  const first = series.answer({ window: 'minute' })
  const second = series.answer({ window: 'minute', after: first.next })
  assert.ok(first.rows.length <= 400 && first.next !== null)
  assert.deepEqual([first.rows.length + second.rows.length, second.next], [500, null])
})

test('windows begin where the clock of UTC says, also months', () => {
  eachCase(
    [
      ['minute', -1, '2026-01-31T23:57:00.000Z'],
      ['hour', 1, '2026-02-01T00:00:00.000Z'],
      ['day', -31, '2025-12-31T00:00:00.000Z'],
      ['month', 1, '2026-02-01T00:00:00.000Z'],
      ['month', -13, '2024-12-01T00:00:00.000Z'],
    ] as const,
    ([window, count, at]) => assert.equal(new Date(windowBehind(window, start, count)).toISOString(), at),
  )
  assert.equal(windowOf('minute', start + 59_999), start)
})

test('a spark is as high as its window, and a window without requests is blank', () => {
  assert.equal(sparkline([0, 1, 4, 8]), ' ▁▄█'.replace('▁', '▂').replace('▄', '▅'))
  assert.equal(sparkline([0, 0]), '  ')
  const row = {
    ...{ integration: 'weather', denied: 0, limited: 0, failed: 0, originErrors: 0, sentBytes: 0, receivedBytes: 0 },
    ...{ ended: 2, totalMs: 9, maxMs: 5, lowest: null },
  }
  const text = formatWindows(
    'minute',
    [
      { ...row, at: start, requests: 8 },
      { ...row, at: start + 2 * minuteMs, requests: 1 },
    ],
    {
      ...{ since: start, until: start + 3 * minuteMs, oldest: start },
    },
  )
  assert.match(text, /^weather +█ ▂ +9 +0 +0 +0 +4\.5 ms /m)
  const year = formatWindows('minute', [{ ...row, at: start, requests: 8 }], { since: start, until: start + 360 * minuteMs, oldest: null })
  assert.ok(year.split('\n').every((line) => line.length < 250))
})
