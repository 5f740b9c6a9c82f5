/** Shares of the processor: together they are what the thread needed, and each is as large as its part of the work. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCpuShare } from '../../src/telemetry/index.ts'
import { times } from '../support/cases.ts'

function arrange() {
  const clock = { now: 0, used: 0 }
  const share = createCpuShare({ now: () => clock.now, usedMs: () => clock.used })
  /** A second in which so many requests settle, and the thread needs so many milliseconds; answers the sum of the shares. */
  const second = (requests: number, usedMs: number, loopMs = 0.05) => {
    clock.now += 1000
    clock.used += usedMs
    let sum = 0
    times(requests, () => {
      sum += share.settledMs(loopMs, 0)
    })
    return sum
  }
  return { share, second }
}

test('all shares of a second are together what the thread needed in it', () => {
  const { second } = arrange()
  times(12, () => void second(1000, 150))
  assert.ok(Math.abs(second(1000, 150) - 150) < 1)
})

test('a request that held the event loop for longer, or had more chunks, has the larger share', () => {
  const { share } = arrange()
  assert.ok(share.settledMs(2, 0) > 10 * share.settledMs(0.05, 0))
  assert.ok(share.passed(64 * 1024) > 5 * share.passed(1024))
  assert.ok(share.settledMs(0.05, 16 * share.passed(64 * 1024)) > 5 * share.settledMs(0.05, share.passed(1024)))
})

test('what a gateway does beside a few requests is not theirs', () => {
  const { second } = arrange()
  const before = second(10, 1)
  times(5, () => void second(10, 900))
  assert.equal(second(10, 1), before)
})

test('work that is no request’s makes a share four times as large at most', () => {
  const { second } = arrange()
  const before = second(1000, 110)
  times(20, () => void second(1000, 100_000))
  assert.ok(second(1000, 110) < 4.5 * before)
})
