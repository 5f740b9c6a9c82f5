/** Bytes that a bucket slows: at its rate, shared fairly, and paused only while the exchange lasts. By a clock of the test's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AccessRequest, Claim, type Integration, type Lease, type Outcome, Permit, Refusal } from '../../src/core/index.ts'
import { createLimits } from '../../src/limits/index.ts'
import { eachCase } from '../support/cases.ts'
import { createSlowClock } from '../support/slow-clock.ts'

type Direction = 'sent' | 'received'
const kibibyte = 1024
const plenty = { rate: 1e9, burst: 1e9 }

function integrationWith(bytes: { readonly rate: number; readonly burst: number }, name = 'weather'): Integration {
  const limits = { arrivals: plenty, requests: plenty, bytesOut: bytes, bytesIn: bytes, concurrency: 1000, connections: 1000 }
  const breaker = { errorThresholdPercent: 50, minimumRequests: 20, windowMs: 1000, resetMs: 1000 }
  return { name, limits, breaker } as unknown as Integration
}

function arrange(bytes: { readonly rate: number; readonly burst: number }) {
  const clock = createSlowClock()
  const limits = createLimits({
    ...clock,
    peerArrivals: plenty,
    maxPolicyBodyBytes: 1,
    maxPolicyBodiesBytes: 1,
    onBreakerChange: () => {},
  })
  const weather = integrationWith(bytes)
  limits.update([weather])
  const admit = (integration = weather, declaredBytes = 0) => {
    const request = { kind: 'http', integration } as unknown as AccessRequest
    const claim = Claim.of(request, () => assert.fail('nothing is performed here'), { facts: {}, subject: {}, origin: null })
    const decision = { allow: true, rule: 'r', capability: null, reasons: [], obligations: {}, revision: 'v' }
    return limits.admit(
      Permit.from(request, claim, decision, () => ({})),
      declaredBytes,
    )
  }
  const levelOf = (bucket: string, name = 'weather') => limits.report(name).find((report) => report.bucket === bucket)?.level ?? Number.NaN
  return { clock, limits, weather, admit, levelOf }
}

/** Passes chunks for as long as it may, as every source does: the next one when this one is through. */
function flow(lease: Lease, direction: Direction, chunkBytes: number, atMost = Number.POSITIVE_INFINITY) {
  const passed: { readonly bytes: number; readonly at: number }[] = []
  const state = { bytes: 0, over: false, passed }
  async function run(now: () => number): Promise<void> {
    const count = (bytes: number) => {
      state.bytes += bytes
      passed.push({ bytes, at: now() })
    }
    while (state.bytes < atMost) {
      const slowed = lease[direction](chunkBytes)
      if (slowed === null) count(chunkBytes)
      else
        for (let left = chunkBytes; left > 0; ) {
          const bytes = await slowed.next()
          if (bytes === 0) {
            state.over = true
            return
          }
          count(bytes)
          left -= bytes
        }
    }
  }
  return { state, run }
}

const rates: readonly (readonly [rate: number, burst: number, chunk: number])[] = [
  [1000, 1000, 64 * kibibyte],
  [1000, 1, 64 * kibibyte],
  [20, 20, 1],
  [100_000, 10_000, 1500],
  [1_000_000, 1_000_000, 64 * kibibyte],
  [1_000_000, 1000, 16 * kibibyte],
  [50_000_000, 500_000, 64 * kibibyte],
]
for (const direction of ['sent', 'received'] as const)
  for (const [rate, burst, chunk] of rates)
    test(`chunks of ${chunk} bytes ${direction} through a bucket of ${rate} bytes a second (burst ${burst}) pass within 5 % of its rate over each 10 s, and never ahead of it`, async () => {
      const { clock, admit } = arrange({ rate, burst })
      const { state, run } = flow(admit(), direction, chunk)
      void run(clock.now)
      let late = 0
      // Timers are late by up to 9 ms, as those of a busy process are.
      await clock.runUntil(25_000, () => (late = (late + 4) % 10))
      eachCase(state.passed.slice(0, 2000), ({ at }) => {
        const until = state.passed.filter((chunk) => chunk.at <= at).reduce((sum, chunk) => sum + chunk.bytes, 0)
        assert.ok(until <= burst + (rate * (at + 20)) / 1000 + 1, `${until} bytes by ${at} ms`)
      })
      eachCase([5_000, 10_000, 15_000], (from) => {
        const within = state.passed.filter(({ at }) => at >= from && at < from + 10_000).reduce((sum, { bytes }) => sum + bytes, 0)
        assert.ok(Math.abs(within / (rate * 10) - 1) <= 0.05, `${within} bytes in 10 s from ${from} ms`)
      })
    })

test('a chunk of 64 KiB passes in slices of a twentieth of a second: no gap is longer, whatever a second brings', async () => {
  const { clock, admit } = arrange({ rate: 1000, burst: 1000 })
  const { state, run } = flow(admit(), 'received', 64 * kibibyte)
  void run(clock.now)
  await clock.runUntil(10_000)
  assert.equal(state.bytes, 11_000)
  eachCase(state.passed.entries(), ([i, { at, bytes }]) => {
    assert.ok(at - (state.passed[i - 1]?.at ?? 0) <= 50)
    assert.ok(i === 0 || bytes <= 50)
  })
})

test('what fits passes at once, without a pause', async () => {
  const { clock, admit } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit()
  assert.equal(lease.received(600), null)
  assert.equal(lease.sent(1000), null)
  assert.equal(clock.waiting(), 0)
})

test('several exchanges have equal parts of the bucket, over TLS with its shorter chunks too', async () => {
  const { clock, admit } = arrange({ rate: 1_000_000, burst: 1_000_000 })
  const flows = [64 * kibibyte, 16 * kibibyte, 64 * kibibyte, 64 * kibibyte].map((chunk) => flow(admit(), 'received', chunk))
  await clock.runUntil(10)
  eachCase(flows, ({ run }) => void run(clock.now))
  await clock.runUntil(10_000)
  const before = flows.map(({ state }) => state.bytes)
  await clock.runUntil(30_000)
  const parts = flows.map(({ state }, i) => state.bytes - (before[i] ?? 0))
  eachCase(parts, (part) => assert.ok(Math.abs(part / 5_000_000 - 1) < 0.05, JSON.stringify(parts)))
})

test('the directions have each their own bucket', async () => {
  const { clock, admit } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit()
  const [out, back] = [flow(lease, 'sent', 5000), flow(lease, 'received', 5000)]
  void out.run(clock.now)
  void back.run(clock.now)
  await clock.runUntil(10_000)
  assert.deepEqual([out.state.bytes, back.state.bytes], [11_000, 11_000])
})

test('a pause ends at once with its exchange, and what it had taken ahead is given back', async () => {
  const { clock, admit, levelOf } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit()
  const { state, run } = flow(lease, 'received', 64 * kibibyte)
  void run(clock.now)
  await clock.runUntil(1000)
  assert.equal(clock.waiting(), 1)
  assert.ok(levelOf('bytesIn') < 0)
  lease.settle({ problem: 'client-closed' } as Outcome)
  assert.equal(clock.waiting(), 0)
  await nextTurn()
  assert.ok(state.over)
  assert.ok(levelOf('bytesIn') >= 0)
  assert.equal(await lease.received(5000)?.next(), 0)
})

test('an exchange whose caller has left ends its pause, and the others go on', async () => {
  const { clock, admit } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit()
  const slowed = lease.received(5000)
  assert.equal(await slowed?.next(), 1000)
  const next = slowed?.next()
  slowed?.end()
  assert.equal(await next, 0)
  assert.equal(clock.waiting(), 0)
  assert.notEqual(lease.sent(1001), null)
})

test('while exchanges are slowed others are admitted, and have their part; only what is truly owed refuses', async () => {
  const { clock, admit, weather } = arrange({ rate: 1000, burst: 1000 })
  const first = admit()
  const download = flow(first, 'received', 64 * kibibyte)
  const upload = flow(first, 'sent', 64 * kibibyte)
  void download.run(clock.now)
  void upload.run(clock.now)
  await clock.runUntil(2010)
  const second = admit(weather, 300)
  const small = flow(second, 'sent', 300, 300)
  void small.run(clock.now)
  await clock.runUntil(3000)
  assert.equal(small.state.bytes, 300)
  second.overdraw(2000)
  assert.throws(
    () => admit(),
    (error) => error instanceof Refusal && error.code === 'quota-exceeded',
  )
  assert.throws(() => admit(weather, 1001), /ever holds/)
})

test('what was paid for at admission passes at once, and the rest at its rate', async () => {
  const { clock, admit, weather } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit(weather, 1000)
  const { state, run } = flow(lease, 'sent', 3000, 3000)
  void run(clock.now)
  await nextTurn()
  assert.equal(state.bytes, 1000)
  await clock.runUntil(1000)
  assert.equal(state.bytes, 2000)
  await clock.runUntil(2000)
  assert.equal(state.bytes, 3000)
})

test('a new rate holds for what is under way, and forgives no debt', async () => {
  const { clock, limits, admit, weather, levelOf } = arrange({ rate: 1000, burst: 1000 })
  const lease = admit()
  const { state, run } = flow(lease, 'received', 64 * kibibyte)
  void run(clock.now)
  await clock.runUntil(5000)
  const before = state.bytes
  limits.update([integrationWith({ rate: 100, burst: 1000 })])
  await clock.runUntil(15_000)
  assert.ok(Math.abs(state.bytes - before - 1000) <= 50, String(state.bytes - before))
  lease.settle({ problem: null } as Outcome)
  await nextTurn()
  const owing = admit(weather)
  owing.overdraw(10_000)
  const debt = levelOf('bytesIn')
  limits.update([integrationWith({ rate: 1, burst: 5 })])
  assert.ok(Math.abs(levelOf('bytesIn') - debt) < 1, `${debt} became ${levelOf('bytesIn')}`)
})

test('what rules asked for an integration stays used up when manifests change, under the new limits, until one of the two is gone', () => {
  const { limits, admit, levelOf } = arrange({ rate: 1000, burst: 1000 })
  const [grantee, asker] = [integrationWith({ rate: 1, burst: 1000 }, 'policy'), integrationWith({ rate: 1, burst: 1000 }, 'weather')]
  limits.update([grantee, asker])
  admit({ ...grantee, askedFor: 'weather' }).overdraw(1500)
  assert.equal(levelOf('bytesIn', 'policy'), -500)
  const changed = integrationWith({ rate: 2, burst: 2000 }, 'policy')
  limits.update([changed, asker])
  assert.equal(levelOf('bytesIn', 'policy'), -500)
  assert.throws(() => admit({ ...changed, askedFor: 'weather' }), /bytesIn bucket is empty/)
  limits.update([changed])
  assert.equal(levelOf('bytesIn', 'policy'), 2000)
})
