/** What is counted of each integration, and how it is shown. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BucketReport, type Integration, type Outcome, type ProblemCode, problems, sides } from '../../src/core/index.ts'
import { textFormat } from '../../src/telemetry/format.ts'
import { Latency, quantilesOf } from '../../src/usage/durations.ts'
import { createUsage, createUsageKeeper, formatUsage, usageSeries } from '../../src/usage/index.ts'
import { nothing } from '../../src/usage/totals.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createFolder } from '../support/folder.ts'
import { servedOutcome } from '../support/outcome.ts'

const outcome = (durationMs: number, isTakeover = false): Outcome => ({ ...servedOutcome, durationMs, isTakeover })
const weather = { name: 'weather' } as Integration
const createEmpty = () => createUsage({ buckets: () => [], breakers: () => [] })
const noLimits: Parameters<typeof usageSeries>[0]['limits'] = { isUsed: () => false, report: () => [], breakers: () => [] }
const seriesOf = (usage: ReturnType<typeof createUsage>, names = ['weather'], limits = noLimits) =>
  [...usageSeries({ format: textFormat, usage, limits, names: () => names })].join('')

test('quantiles are at most 5 % above what was observed, whatever it was', () => {
  const durations = fc.array(fc.double({ min: 0.001, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(durations, (list) => {
      const latency = new Latency()
      for (const ms of list) latency.recordMs(ms, null)
      const sorted = list.toSorted((a, b) => a - b)
      const exact = (part: number) => sorted[Math.ceil(sorted.length * part) - 1] as number
      const shown = quantilesOf(latency.withEarlier(nothing.latency))
      assert.ok(shown !== null)
      assert.equal(shown.max, sorted.at(-1))
      for (const [value, part] of [[shown.p50, 0.5] as const, [shown.p90, 0.9] as const, [shown.p99, 0.99] as const])
        assert.ok(value >= exact(part) * 0.999999 && value <= exact(part) * 1.0501, `${value} for ${exact(part)}`)
    }),
  )
})

test('each bound counts all that took as long at most, and what took longer than all is in +Inf', () => {
  const usage = createEmpty()
  eachCase([0, 1, 1.01, 5, 300, 4_000_000], (ms) => {
    usage.settled(weather, null, outcome(ms))
  })
  const text = seriesOf(usage)
  const bucket = (le: string) =>
    Number(new RegExp(`^sallyport_request_duration_seconds_bucket\\{integration="weather",le="${le}"\\} (\\d+)$`, 'm').exec(text)?.[1])
  assert.deepEqual(['0.001', '0.0025', '0.005', '0.25', '0.5', '3600', '\\+Inf'].map(bucket), [2, 3, 4, 4, 5, 5, 6])
  assert.match(text, /^# TYPE sallyport_request_duration_seconds histogram$/m)
  assert.match(text, /^sallyport_request_duration_seconds_count\{integration="weather"\} 6$/m)
  assert.match(text, /^sallyport_request_duration_seconds_sum\{integration="weather"\} 4000\.307/m)
  assert.equal(text.match(/^sallyport_request_duration_seconds_bucket/gm)?.length, 17)
})

test('tunnels and WebSockets are apart from requests', () => {
  const usage = createEmpty()
  usage.settled(weather, null, outcome(2))
  usage.settled(weather, null, outcome(3_000_000, true))
  const text = seriesOf(usage)
  assert.match(text, /^sallyport_request_duration_seconds_count\{integration="weather"\} 1$/m)
  assert.match(text, /^sallyport_connection_duration_seconds_count\{integration="weather"\} 1$/m)
  assert.equal(usage.report(['weather'])[0]?.latencyMs?.max, 2)
})

test('nothing is kept of manifests that ask for nothing, nor of those that are gone', () => {
  const usage = createEmpty()
  const idle = Array.from({ length: 1000 }, (_, index) => `idle-${index}`)
  usage.settled(weather, null, outcome(1))
  assert.equal(usage.report([...idle, 'weather']).length, 1001)
  assert.ok(idle.every((name) => usage.counted(name) === null))
  usage.update(idle)
  assert.equal(usage.counted('weather'), null)
})

test('buckets and durations are shown of those that have asked for something, how many requests of all', () => {
  const usage = createEmpty()
  usage.settled(weather, null, outcome(1))
  const bucket: BucketReport = { bucket: 'requests', capacity: 5, refillPerSecond: 1, level: 4, consumed: 1, allowed: 1, limited: 0 }
  const limits = { ...noLimits, isUsed: (name: string) => name === 'weather', report: () => [bucket] }
  const text = seriesOf(usage, ['idle', 'weather'], limits)
  assert.match(text, /^sallyport_requests_total\{integration="idle",result="allowed"\} 0$/m)
  assert.match(text, /^sallyport_bytes_total\{integration="idle",direction="out"\} 0$/m)
  assert.doesNotMatch(text, /^sallyport_(bucket|request_duration|connection)_.*"idle"/m)
  assert.match(text, /^sallyport_bucket_level\{integration="weather",bucket="requests"\} 4$/m)
  assert.equal(text.match(/^sallyport_bucket_/gm)?.length, 6)
})

const codes = Object.keys(problems) as ProblemCode[]
const refused = (problem: ProblemCode): Outcome => ({ ...servedOutcome, problem, status: problems[problem].status })

test('every code of the catalogue is counted on its side, in usage and in metrics, and none is allowed', () => {
  const usage = createEmpty()
  eachCase(codes, (code) => {
    usage.settled(weather, null, refused(code))
  })
  const [report] = usage.report(['weather'])
  assert.deepEqual(
    report?.sides,
    Object.fromEntries(sides.map((side) => [side, codes.filter((code) => problems[code].side === side).length])),
  )
  assert.equal(report.requests.allowed, 0)
  const text = seriesOf(usage)
  eachCase(codes, (code) =>
    assert.ok(text.includes(`sallyport_problems_total{integration="weather",code="${code}",side="${problems[code].side}"} 1\n`), code),
  )
  eachCase(sides, (side) => assert.match(formatUsage(usage.report(['weather'])), new RegExp(`[ ;] ${side}: `)))
})

test('an answer that is broken off is aborted, whatever its status; without a problem it is allowed', () => {
  const usage = createEmpty()
  eachCase([200, 206, 403, 404, 429, 502], (status) => {
    usage.settled(weather, null, { ...refused('origin-failed'), status, brokenOff: true })
  })
  usage.settled(weather, null, { ...servedOutcome, status: 502 })
  const [report] = usage.report(['weather'])
  assert.deepEqual(report?.requests, { allowed: 1, denied: 0, limited: 0, refused: 0, failed: 0, aborted: 6 })
  assert.equal(report.originErrors, 1)
})

test('usage is kept while the gateway runs, and nothing is written where nothing was counted', async (t) => {
  const folder = createFolder(t)
  const file = join(folder, 'totals.jsonl')
  const usage = createEmpty()
  const keeper = createUsageKeeper({ usage, folder, onProblem: assert.fail, everyMs: 1 })
  t.after(keeper.close)
  await keeper.restore()
  await keeper.keep()
  assert.ok(!existsSync(file))
  usage.settled(weather, null, outcome(1))
  keeper.start()
  await eventually('the first is kept', () => existsSync(file))
  usage.settled(weather, null, outcome(1))
  await eventually('the second is kept', () => readFileSync(file, 'utf8').includes('"allowed":2'))
  // A write may still sync the folder, which is removed first.
  await keeper.close()
})

test('the report as text is the report', () => {
  const usage = createEmpty()
  assert.equal([...usage.reportText([])].join(''), '[]')
  usage.settled(weather, null, outcome(1))
  usage.settled(null, null, refused('unidentified'))
  const names = ['weather', 'idle']
  assert.deepEqual(JSON.parse([...usage.reportText(names)].join('')), usage.report(names))
})
