/** What a sampled stream shows and counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSample } from '../../src/admin/log/sampled-events.ts'

const decided = (id: string, allow: boolean) => ({ type: 'decided', id, allow })
const settled = (id: string) => ({ type: 'settled', id })
const ids = Array.from({ length: 100 }, (_, index) => String(index))

test('shows all of what comes slowly, each with its settlement, and says so', () => {
  const sample = createSample(40, () => 0)
  assert.deepEqual(
    [decided('a', true), settled('a'), { type: 'refused', id: 'b' }, { type: 'activated' }].map((record) => sample.shows(record)),
    [true, true, true, true],
  )
  assert.match(sample.counted(), /"requests":2,"left":0,"allow":1,"deny":0,"refused":1/)
  assert.equal(sample.counted(), '')
})

test('shows so many a second, counts the others, and leaves out the settlement of what was left out', () => {
  let ms = 0
  const sample = createSample(40, () => ms)
  const shown = () => ids.filter((id) => sample.shows(decided(id, true))).length
  assert.equal(shown(), 8)
  assert.equal(sample.shows(settled('99')), false)
  assert.match(sample.counted(), /"requests":100,"left":92/)
  ms = 250
  assert.equal(shown(), 8)
})

test('shows a denial in a flood of what is allowed, and counts those of one record', () => {
  const sample = createSample(40, () => 0)
  ids.map((id) => sample.shows(decided(id, true)))
  assert.equal(sample.shows(decided('denied', false)), true)
  assert.equal(sample.shows({ type: 'summed', who: 'weather', count: 1000 }), true)
  assert.equal(sample.shows({ type: 'summed', who: 'weather', count: 1000 }), false)
  assert.match(sample.counted(), /"requests":2101,"left":1092/)
})

test('a read of the log is not shown to who looks at what happens', () => {
  assert.equal(createSample(40).shows({ type: 'read' }), false)
})
