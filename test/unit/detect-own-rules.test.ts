/** Rules of single integrations: `watch.rulesFor`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rulesForFrom, rulesFrom, watchRulesSchema } from '../../src/config/index.ts'
import { createDetector, createMemoryStore } from '../../src/detect/index.ts'
import { flow, hours, minutes, pass, thursday, usual } from '../support/watched-days.ts'

const both = (at: number) => usual(at).map((one) => ({ ...one, integration: 'beta' }))

/** After three days of alpha and beta that are alike. */
function learned(given: unknown, own: unknown) {
  const rules = watchRulesSchema.parse(given)
  const detector = createDetector({
    rules: rulesFrom(rules),
    rulesFor: rulesForFrom(rules, { beta: watchRulesSchema.parse(own) }),
    baselines: createMemoryStore(),
  })
  pass(detector, thursday - 72 * hours, thursday + 10 * hours, both)
  const found = (more: Parameters<typeof flow>[0]) =>
    pass(detector, thursday + 10 * hours, thursday + 10 * hours + 5 * minutes, (at) => [
      ...both(at),
      flow(more),
      flow({ ...more, integration: 'beta' }),
    ]).map(({ integration, rule, severity, contain }) => ({ integration, rule, severity, state: contain?.state ?? null }))
  return { detector, found }
}

const upload = { requests: 4, sentBytes: 600_000, receivedBytes: 1000 }

test('an integration with rules of its own is judged by them, and others are not', () => {
  const { found } = learned({}, { 'upload-volume': { ratio: 2, deviations: 1, minUpload: '100kB' } })
  assert.deepEqual(found(upload), [{ integration: 'beta', rule: 'upload-volume', severity: 'high', state: null }])
})

test('rules of an integration replace what the rules of all say, setting by setting', () => {
  const all = { 'upload-volume': { ratio: 2, deviations: 1, minUpload: '100kB', contain: { state: 'throttled', for: '1h' } } }
  const { found } = learned(all, { 'upload-volume': { severity: 'critical' } })
  assert.deepEqual(found(upload), [
    { integration: 'alpha', rule: 'upload-volume', severity: 'high', state: 'throttled' },
    { integration: 'beta', rule: 'upload-volume', severity: 'critical', state: 'throttled' },
  ])
})

test('a rule can be off for one integration, also of what the gateway says of itself', () => {
  const { detector, found } = learned({}, { exfiltration: { enabled: false }, quota: { share: 1 } })
  const quota = (integration: string) =>
    detector.event({ type: 'quota', integration, destination: null, facts: { share: 0.95 }, at: thursday + 10 * hours }).length
  assert.deepEqual([quota('alpha'), quota('beta')], [1, 0])
  assert.deepEqual(
    found({ ...upload, destination: 'drop.example.net:443' })
      .filter(({ rule }) => rule === 'exfiltration')
      .map(({ integration }) => integration),
    ['alpha'],
  )
})
