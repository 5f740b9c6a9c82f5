/** The life of an alert, apart from stores and receivers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { acknowledge, findAgain, inTime, raise, resolveQuiet } from '../../src/alerts/life-cycle.ts'
import { found } from '../support/alerts.ts'

const { alert: open } = raise(found({ at: 1000 }), 'a1')
const acknowledged = acknowledge(open, 'ana', 'a deploy', 2000)?.alert ?? open
const resolved = resolveQuiet(acknowledged, 500, 5000)?.alert ?? open

describe('an alert', () => {
  test('is open once it is raised, with its count and times', () => {
    const { state, count, firstAt, lastAt } = open
    assert.deepEqual({ state, count, firstAt, lastAt }, { state: 'open', count: 1, firstAt: 1000, lastAt: 1000 })
  })

  test('that is found again is counted, and nobody is told', () => {
    const { event, alert } = findAgain(open, found({ at: 3000 }))
    assert.deepEqual([event, alert.count, alert.firstAt, alert.lastAt], [null, 2, 1000, 3000])
  })

  test('is not found later than now where the clock was set back', () => {
    assert.equal(findAgain(open, found({ at: 5 })).alert.lastAt, 5)
    const later = raise(found({ at: 3_600_000 }), 'a3').alert
    const { firstAt, lastAt } = inTime(later, 1000)
    assert.deepEqual([firstAt, lastAt], [1000, 1000])
    assert.equal(inTime(later, 3_599_999), later)
  })

  test('that is acknowledged stays so while it is found again', () =>
    assert.equal(findAgain(acknowledged, found({ at: 3000 })).alert.state, 'acknowledged'))

  test('that becomes worse is open again, whoever had acknowledged it', () => {
    const change = findAgain(acknowledged, found({ severity: 'critical' }))
    assert.deepEqual(
      [change.event, change.alert.state, change.alert.severity, change.alert.acknowledgedBy],
      ['escalated', 'open', 'critical', null],
    )
    assert.equal('previousSeverity' in change && change.previousSeverity, 'medium')
  })

  test('that becomes milder keeps its severity and its words', () => {
    const { alert } = findAgain(open, found({ severity: 'low', title: 'milder' }))
    assert.deepEqual([alert.severity, alert.title], ['medium', open.title])
  })

  test('is acknowledged once, and only while it is open', () => {
    assert.equal(acknowledged.acknowledgedBy, 'ana')
    assert.equal(acknowledge(acknowledged, 'ben', null, 3000), null)
    assert.equal(acknowledge(resolved, 'ben', null, 3000), null)
  })

  test('is resolved after its quiet time, and not a millisecond before', () => {
    assert.equal(resolveQuiet(open, 500, 1499), null)
    assert.equal(resolveQuiet(open, 500, 1500)?.event, 'resolved')
    assert.equal(resolveQuiet(resolved, 500, 99_000), null)
  })

  test('that comes back after its resolution is the same one, open, and counted anew', () => {
    const { event, alert } = findAgain(resolved, found({ at: 9000 }))
    assert.deepEqual(
      [event, alert.id, alert.state, alert.count, alert.firstAt, alert.reopened, alert.acknowledgedBy, alert.resolvedAt],
      ['reopened', 'a1', 'open', 1, 9000, 1, null, null],
    )
  })

  test('keeps ten ids of requests at most', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`)
    assert.equal(findAgain(open, found({ ids: ids(30) })).alert.ids.length, 10)
    assert.equal(raise(found({ ids: ids(30) }), 'a2').alert.ids.length, 10)
  })
})
