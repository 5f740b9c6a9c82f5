/** The shipped rules against a simulated week: what they must find, and how seldom they may be wrong. `npm run simulate` prints more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './simulate.ts'

test('of the attacks of a week nine in ten are found, with less than one false alert per integration', () => {
  const { judged, falseAlerts, integrationWeeks } = simulate({ seed: 11, integrations: 26, days: 7, sliceMinutes: 5 })
  const missed = judged.filter(({ foundAfter }) => foundAfter === null).map(({ attack }) => `${attack.kind} ${attack.strength}`)
  assert.ok(judged.length >= 20)
  assert.ok(missed.length <= judged.length / 10, missed.join(', '))
  assert.ok(falseAlerts.length <= integrationWeeks, `${falseAlerts.length} false alerts`)
})
