/** What no integration can do to the detector, whatever it asks for, and no clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore, type Detector, type Finding } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'
import { createRandom } from '../simulation/random.ts'
import { eachCase } from '../support/cases.ts'
import { detectorWith, flow, hours, minutes, monday, pass, thursday } from '../support/watched-days.ts'

const day = 24 * hours
const isInTheDay = (at: number) => new Date(at).getUTCHours() >= 8 && new Date(at).getUTCHours() < 18
const drop = flow({ destination: 'drop.example.net:443', requests: 1, sentBytes: 10_000_000, receivedBytes: 100 })
const rulesOf = (findings: readonly Finding[]) => findings.map(({ rule }) => rule)

test('an integration with 30,000 destinations and paths keeps a bounded number of baselines, and no other integration loses one', () => {
  const store = createMemoryStore()
  const detector = detectorWith({}, store)
  pass(detector, monday, monday + 30 * hours)
  const hostile = (at: number) =>
    Array.from({ length: 250 }, (_, index) =>
      flow({
        integration: 'hostile',
        destination: `${at + index}.example.net:443`,
        pathHashes: Array.from({ length: 32 }, (__, path) => at * path),
      }),
    )
  pass(detector, monday + 30 * hours, monday + 40 * hours, hostile)
  detector.save()
  assert.ok(store.destinations('hostile').length <= 2 * 256 + 2)
  assert.equal(store.destinations('alpha').length, 2)
  assert.equal(pass(detector, monday + 40 * hours, monday + 41 * hours).filter(({ integration }) => integration === 'alpha').length, 0)
})

/** Uploads that grow by a factor each day after a week as usual; the day of the first finding, and how much was sent then. */
function raisedBy(factor: number, days: number): { readonly day: number; readonly times: number } | null {
  const detector = detectorWith()
  pass(detector, monday, monday + 7 * day)
  const found = Array.from({ length: days }, (_, index) => index + 1).find((index) => {
    const grown = (at: number) =>
      isInTheDay(at) ? [flow({ requests: 1, sentBytes: 200_000 * (factor ** index - 1), receivedBytes: 0 })] : []
    const rules = rulesOf(pass(detector, monday + (6 + index) * day, monday + (7 + index) * day, grown))
    return rules.includes('upload-volume') || rules.includes('slow-leak')
  })
  return found === undefined ? null : { day: found, times: factor ** found }
}

test('a baseline cannot be raised quickly: half more each day is found on the second, and a third more before it is twenty times as much', () => {
  assert.ok((raisedBy(2, 3)?.day ?? 99) <= 1)
  assert.ok((raisedBy(1.5, 4)?.day ?? 99) <= 2)
  assert.ok((raisedBy(1.3, 14)?.times ?? 99) <= 20)
})

test('an upload does not make the next one usual: the same is found on the day after too', () => {
  const detector = detectorWith()
  pass(detector, monday, thursday)
  const upload = (at: number) => (new Date(at).getUTCHours() === 10 ? [flow({ requests: 1, sentBytes: 3_000_000, receivedBytes: 0 })] : [])
  const found = pass(detector, thursday, thursday + 2 * day, upload)
  assert.equal(found.filter(({ rule }) => rule === 'upload-volume').length, 2)
})

const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -0, 1e308, 2 ** 53, 0.5, 1e-300, 5]

test('no number makes it throw, or appears in a finding that is no number', () => {
  const chance = createRandom(7)
  const detector = detectorWith()
  const any = () => chance.pick(odd)
  const strange = (): Flow =>
    flow({
      integration: chance.pick(['alpha', 'beta', '-', '']),
      destination: chance.pick(['', 'a'.repeat(5000), '(none)', '(others)', 'x.example:443', '\u0000', '__proto__']),
      requests: any(),
      denied: any(),
      limited: any(),
      failed: any(),
      originErrors: any(),
      sentBytes: any(),
      receivedBytes: any(),
      durationMs: { count: any(), sum: any(), max: any() },
      pathHashes: [any(), any()],
      startedAt: [any(), any()],
      labelEntropy: any(),
    })
  const findings = Array.from({ length: 4000 }, (_, index) =>
    detector.take({ from: any(), to: chance() < 0.2 ? any() : monday + index * 3 * minutes, flows: [strange(), strange()] }),
  ).flat()
  assert.ok(findings.length > 0)
  eachCase(
    findings.flatMap(({ measures }) => measures),
    ({ value, median, mad, deviations }) => {
      assert.ok([value, median ?? 0, mad ?? 0, deviations ?? 0].every(Number.isFinite))
    },
  )
  detector.save()
  assert.ok(detector.scores('alpha').every(({ score }) => Number.isFinite(score)))
})

/** What is found at an upload to a new destination, and in an hour as usual before it, once the clock was set. */
const afterJump = (jumpMs: number, detector: Detector) => {
  const at = thursday + 10 * hours + jumpMs
  return {
    usual: rulesOf(pass(detector, at, at + hours)),
    attack: rulesOf(pass(detector, at + hours, at + hours + 5 * minutes, () => [drop])),
  }
}

test('a clock that is set, by minutes or years, forth or back, makes nothing new or unusual, and hides nothing', () => {
  eachCase([2 * minutes, 7 * day, 3650 * day, -2 * minutes, -7 * day, -3650 * day], (jumpMs) => {
    const detector = detectorWith()
    pass(detector, monday, thursday + 10 * hours)
    const { usual, attack } = afterJump(jumpMs, detector)
    assert.deepEqual(usual, [], String(jumpMs))
    assert.ok(attack.includes('exfiltration'), String(jumpMs))
  })
})

test('a clock that is far in the future for a moment does not stop it', () => {
  const detector = detectorWith()
  pass(detector, monday, thursday)
  pass(detector, thursday + 3650 * day, thursday + 3650 * day + 10 * minutes)
  assert.ok(afterJump(0, detector).attack.includes('exfiltration'))
})

test('a store that fails makes nothing new, and loses nothing that is in memory', () => {
  const failing = {
    generation: () => 0,
    read: () => {
      throw new Error('disk')
    },
    write: () => {
      throw new Error('disk')
    },
    destinations: () => {
      throw new Error('disk')
    },
  }
  const detector = detectorWith({}, failing)
  assert.deepEqual(rulesOf(pass(detector, monday, thursday + 10 * hours)), [])
  detector.save()
  assert.ok(rulesOf(pass(detector, thursday + 10 * hours, thursday + 10 * hours + 5 * minutes, () => [drop])).includes('exfiltration'))
  assert.ok(detector.scores('alpha').length === 3)
})

test('what was learned is there again after a restart, and the time between says nothing', () => {
  const store = createMemoryStore()
  const before = detectorWith({}, store)
  pass(before, monday, thursday)
  before.save()
  const after = detectorWith({}, store)
  const at = thursday + 10 * hours
  assert.deepEqual(rulesOf(pass(after, at, at + hours)), [])
  assert.deepEqual(
    rulesOf(
      pass(after, at + hours, at + hours + 5 * minutes, () => [flow({ destination: 'new.example.net:443', requests: 1, sentBytes: 100 })]),
    ),
    ['new-destination'],
  )
})
