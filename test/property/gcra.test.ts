/** The token bucket against a model in exact rationals, and what admission promises. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../../src/core/index.ts'
import { Account } from '../../src/limits/account.ts'
import { Bucket } from '../../src/limits/gcra.ts'
import { eachCase, times } from '../support/cases.ts'

/** Level in ten-thousandths of a token, on a clock of whole milliseconds and whole tokens a second: exact. */
class Model {
  level: bigint
  now = 0n
  readonly rate: bigint
  readonly burst: bigint
  constructor(rate: number, burst: number) {
    this.rate = BigInt(rate)
    this.burst = BigInt(burst) * 1000n
    this.level = this.burst
  }
  advance(now: number): void {
    const next = BigInt(now)
    if (next <= this.now) return
    this.level += (next - this.now) * this.rate
    if (this.level > this.burst) this.level = this.burst
    this.now = next
  }
}

const steps = fc.array(
  fc.record({ wait: fc.integer({ min: -5, max: 3000 }), tokens: fc.integer({ min: 0, max: 12 }), forced: fc.boolean() }),
  { maxLength: 60 },
)

test('the bucket admits exactly what the model admits, and its level is the model’s', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), steps, (rate, burst, taken) => {
      const bucket = new Bucket({ rate, burst }, 0)
      const model = new Model(rate, burst)
      let now = 0
      for (const { wait, tokens, forced } of taken) {
        now += wait
        model.advance(now)
        const modelFits = model.level - BigInt(tokens) * 1000n >= 0n
        assert.equal(bucket.fits(tokens, now), modelFits)
        assert.ok(Math.abs(bucket.level(now) - Number(model.level) / 1000) < 1e-6)
        if (modelFits || forced) {
          bucket.take(tokens, now)
          model.level -= BigInt(tokens) * 1000n
        }
      }
    }),
    { numRuns: 3000 },
  )
})

test('the lowest level is the model’s since the last time it was asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), steps, (rate, burst, taken) => {
      const bucket = new Bucket({ rate, burst }, 0)
      const model = new Model(rate, burst)
      let now = 0
      let after: bigint[] = []
      for (const { wait, tokens, forced } of taken) {
        now += wait
        model.advance(now)
        bucket.take(tokens, now)
        model.level -= BigInt(tokens) * 1000n
        after.push(model.level)
        if (!forced) continue
        const lowest = after.reduce((least, level) => (level < least ? level : least))
        assert.ok(Math.abs(bucket.lowest(now) - Number(lowest) / 1000) < 1e-6)
        assert.ok(Math.abs(bucket.lowest(now) - Number(model.level) / 1000) < 1e-6)
        after = []
      }
    }),
    { numRuns: 1000 },
  )
})

test('after exactly the wait that was told it fits, and a millisecond before it does not', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 40 }),
      (rate, burst, tokens) => {
        const bucket = new Bucket({ rate, burst }, 0)
        bucket.take(burst, 0)
        const wait = bucket.waitMs(tokens, 0)
        if (tokens > burst) return assert.equal(wait, null)
        assert.ok(wait !== null)
        // The bucket's clock never goes back: the earlier moment is asked first.
        assert.ok(wait < 1 || !bucket.fits(tokens, wait - 1))
        assert.ok(bucket.fits(tokens, Math.ceil(wait)))
      },
    ),
  )
})

test('odd clocks and amounts neither give tokens nor break the bucket', () => {
  const bucket = new Bucket({ rate: 1, burst: 5 }, 1000)
  eachCase([Number.NaN, Number.POSITIVE_INFINITY], (tokens) => {
    bucket.take(tokens, 1000)
  })
  assert.equal(bucket.level(1000), 5)
  bucket.take(5, 1000)
  eachCase([0, -1e9, Number.NaN], (now) => assert.ok(bucket.level(now) <= 0))
  assert.equal(bucket.level(2000), 1)
  bucket.take(-100, 2000)
  assert.equal(bucket.level(2000), 5)
})

const limits = {
  arrivals: { rate: 1, burst: 10 },
  requests: { rate: 1, burst: 5 },
  bytesOut: { rate: 10, burst: 100 },
  bytesIn: { rate: 10, burst: 100 },
  concurrency: 3,
  connections: 3,
}
const levels = (account: Account) => Object.fromEntries(account.report(0).map(({ bucket, level }) => [bucket, level]))

test('a refusal takes nothing from any bucket', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 150 }), { maxLength: 20 }), (declared) => {
      const account = new Account(limits, 0)
      for (const bytes of declared) {
        const before = levels(account)
        try {
          account.admit(bytes, 0)
        } catch (error) {
          assert.ok(error instanceof Refusal)
          assert.deepEqual(levels(account), before)
        }
        assert.ok(account.open <= limits.concurrency)
      }
    }),
  )
})

test('a bytes bucket in debt refuses the next admission until it is out of debt', () => {
  const account = new Account(limits, 0)
  account.admit(0, 0)
  account.charge('bytesIn', 150, 0)
  assert.throws(
    () => account.admit(0, 0),
    (error) =>
      error instanceof Refusal && error.code === 'quota-exceeded' && error.headers.includes('retry-after') && error.headers.includes('5'),
  )
  account.admit(0, 5000)
})

test('what can never pass has no Retry-After', () => {
  const account = new Account(limits, 0)
  assert.throws(
    () => account.admit(101, 0),
    (error) => error instanceof Refusal && error.status === 429 && !error.headers.includes('retry-after'),
  )
})

test('a reload keeps what was used', () => {
  const account = new Account(limits, 0)
  times(3, () => {
    account.admit(0, 0)
  })
  account.reconfigure({ ...limits, requests: { rate: 1, burst: 4 }, concurrency: 10 }, 0)
  assert.equal(levels(account)['requests'], 1)
})
