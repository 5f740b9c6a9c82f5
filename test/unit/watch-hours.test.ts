/** Hours of the week where the office is, over the days on which its clocks are set. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWeek } from '../../src/detect/baseline/week.ts'
import type { Detector } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'
import { detectorWith, flow, hours, minutes } from '../support/watched-days.ts'

const berlin = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', hourCycle: 'h23' })
const isOpen = (at: number) => Number(berlin.format(at)) >= 8 && Number(berlin.format(at)) < 18
const days = 24 * hours
const sliceMs = 30 * minutes

/** From 8 to 18 o’clock in Berlin, on each day. */
function passOffice(detector: Detector, from: number, to: number, more: (at: number) => readonly Flow[] = () => []) {
  const slices = Array.from({ length: (to - from) / sliceMs }, (_, index) => from + index * sliceMs)
  return slices.flatMap((at) => [...detector.take({ from: at, to: at + sliceMs, flows: [...(isOpen(at) ? [flow()] : []), ...more(at)] })])
}

/** Hours of Monday in which something is usual. */
const usedOnMonday = (detector: Detector) =>
  detector.usual('alpha')?.week['requests']?.flatMap((hour, ofWeek) => (ofWeek < 24 && (hour?.median ?? 0) > 0 ? [ofWeek] : []))

const from8to18 = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17]

/** Sundays on which clocks are set at 01:00 UTC. */
const changes = { forward: Date.UTC(2026, 2, 29), back: Date.UTC(2026, 9, 25) }

for (const [way, at] of Object.entries(changes)) {
  test(`office hours stay the same hours of the week when clocks are set ${way}`, () => {
    const detector = detectorWith({}, undefined, 'Europe/Berlin')
    const found = passOffice(detector, at - 21 * days, at + 8 * days)
    assert.deepEqual(found, [])
    assert.deepEqual(usedOnMonday(detector), from8to18)
  })

  test(`in UTC, office hours become others when clocks are set ${way}`, () => {
    const detector = detectorWith()
    passOffice(detector, at - 21 * days, at + 8 * days)
    assert.equal(usedOnMonday(detector)?.length, 11)
  })

  test(`a quiet hour is one of the office on the day after clocks were set ${way}`, () => {
    const detector = detectorWith({}, undefined, 'Europe/Berlin')
    passOffice(detector, at - 21 * days, at + days)
    const found = passOffice(detector, at + days, at + 2 * days, (time) => (Number(berlin.format(time)) === 3 ? [flow()] : []))
    assert.deepEqual(
      found.map(({ rule, measures: [first] }) => [rule, first?.hourOfWeek]),
      [['odd-hour', 3]],
    )
  })
}

test('an hour of the week is passed over where clocks are set forward, and comes twice where they are set back', () => {
  const week = createWeek('Europe/Berlin')
  const around = (at: number) => [-1, 0, 1, 2].map((hour) => week.hourOf(at / hours + hour))
  assert.deepEqual(around(changes.forward), [144, 145, 147, 148])
  assert.deepEqual(around(changes.back), [145, 146, 146, 147])
})

test('days begin at midnight of the zone, on either side of Greenwich, and hours of half-hour zones are called by their beginning', () => {
  const noon = Date.UTC(2026, 10, 2, 12) / hours
  const inZone = (zone: string) => createWeek(zone).hourOf(noon)
  assert.deepEqual([inZone('UTC'), inZone('Asia/Kolkata'), inZone('America/New_York'), inZone('Pacific/Auckland')], [12, 17, 7, 25])
  const newYork = createWeek('America/New_York')
  const midnight = Date.UTC(2026, 10, 3, 5) / hours
  assert.equal(newYork.dayOf(midnight) - newYork.dayOf(midnight - 1), 1)
})
