/** Requests to the operator's API that were turned away: in sums, and in few of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRefusedRequests, type RefusedFacts } from '../../src/admin/refused-requests.ts'
import { eachCase } from '../support/cases.ts'

function arrange() {
  const notes: RefusedFacts[] = []
  const clock = { ms: Date.UTC(2026, 10, 28) }
  const refused = createRefusedRequests({ note: (facts) => void notes.push(facts), wallClock: () => clock.ms++ })
  return { refused, notes }
}

test('they are summed per address and answer, with the times of the first and the last', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { refused, notes } = arrange()
  refused.count(401, '10.0.0.1')
  refused.count(401, '10.0.0.1')
  refused.count(403, '10.0.0.1')
  refused.count(400, undefined)
  t.mock.timers.tick(9_999)
  assert.deepEqual(notes, [])
  t.mock.timers.tick(1)
  const time = (ms: number) => `2026-11-28T00:00:00.00${ms}Z`
  assert.deepEqual(notes, [
    { peer: '10.0.0.1', status: 401, count: 2, first: time(0), last: time(1) },
    { peer: '10.0.0.1', status: 403, count: 1, first: time(2), last: time(2) },
    { peer: 'local', status: 400, count: 1, first: time(3), last: time(3) },
  ])
  t.mock.timers.tick(60_000)
  assert.equal(notes.length, 3)
})

test('a flood from many addresses is few records', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { refused, notes } = arrange()
  eachCase(
    Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`),
    (peer) => refused.count(401, peer),
  )
  refused.flush()
  assert.equal(notes.length, 51)
  assert.deepEqual(
    notes.filter(({ peer }) => peer === 'other').map(({ count }) => count),
    [9950],
  )
})
