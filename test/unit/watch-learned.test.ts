/** What was learned, over changes of its form, of the rules, of the store and of the clock: it is there, or it is said that it is not. */
import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BaselineRow, Detector } from '../../src/detect/index.ts'
import { createBaselines } from '../../src/watcher/baselines.ts'
import { migrate } from '../../src/watcher/migrations.ts'
import { openStore } from '../../src/watcher/store.ts'
import { createFolder } from '../support/folder.ts'
import earlier from '../support/learned-before.json' with { type: 'json' }
import { detectorWith, flow, hours, minutes, monday, pass, thursday } from '../support/watched-days.ts'

const at = thursday + 10 * hours

function arrange(t: TestContext) {
  const file = join(createFolder(t), 'state/watch.db')
  const open = () => {
    const store = openStore(file, migrate)
    return { store, baselines: createBaselines(store) }
  }
  return { file, open }
}

/** Three days of one integration, as they are in the store. */
function learn(t: TestContext) {
  const { file, open } = arrange(t)
  const { store, baselines } = open()
  const detector = detectorWith({}, baselines)
  pass(detector, monday, thursday)
  detector.save()
  const of = (destination: string): BaselineRow => {
    const { state, week } = baselines.read('alpha', destination) ?? { state: new Uint8Array(), week: new Uint8Array() }
    return { integration: 'alpha', destination, state: state.slice(), week: week.slice() }
  }
  const rows = ['', 'api.example.com:443'].map(of)
  store.close()
  return { file, open, rows }
}

const hoursOf = (detector: Detector) => detector.scores('alpha').map(({ hours: known }) => known)
const comparedWith = (detector: Detector) => detector.scores('alpha').map(({ comparedWith }) => comparedWith)
const ofOtherDays = ['the same hour of other days', 'the same hour of other days']

for (const [form, rows] of Object.entries(earlier))
  test(`a store that was written in the ${form} form loses nothing`, (t) => {
    const { open } = arrange(t)
    const { baselines } = open()
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
    baselines.write(rows.map((row) => ({ ...row, state: bytes(row.state), week: bytes(row.week) })))
    const detector = detectorWith({}, baselines)
    assert.deepEqual(pass(detector, at, at + 5 * minutes), [])
    assert.deepEqual(hoursOf(detector).sort(), [57, 63])
    assert.deepEqual(comparedWith(detector), ofOtherDays)
    assert.deepEqual(detector.learned(), { integrations: 1, hours: 57, restored: 2, unreadable: 0 })
  })

const damaged: readonly [name: string, change: (row: BaselineRow) => Partial<BaselineRow>][] = [
  ['that is too short', ({ state }) => ({ state: state.slice(0, -1) })],
  ['that is too long', ({ state }) => ({ state: new Uint8Array([...state, 0]) })],
  ['that is empty', () => ({ state: new Uint8Array() })],
  ['of a version that is not known', ({ state }) => ({ state: new Uint8Array([99, ...state.slice(1)]) })],
  ['with NaN', ({ state }) => ({ state: withNumber(state, Number.NaN) })],
  ['with an infinite number', ({ state }) => ({ state: withNumber(state, Number.POSITIVE_INFINITY) })],
]

/** In place of the median of requests. */
function withNumber(state: Uint8Array, value: number): Uint8Array {
  const changed = state.slice()
  new DataView(changed.buffer).setFloat32(1 + 4 * 24, value, true)
  return changed
}

for (const [name, change] of damaged)
  test(`a row of the store ${name} begins anew with its week, and is counted`, (t) => {
    const { open, rows } = learn(t)
    const { baselines } = open()
    baselines.write(rows.map((row) => ({ ...row, ...change(row) })))
    const detector = detectorWith({}, baselines)
    // What is a large upload to a new destination is none to one whose week is known.
    const large = () => [flow({ requests: 4, sentBytes: 6_000_000, receivedBytes: 0 })]
    assert.deepEqual(
      pass(detector, at, at + 5 * minutes, large).map(({ rule }) => rule),
      ['upload-volume'],
    )
    assert.deepEqual(comparedWith(detector), ofOtherDays)
    assert.deepEqual(detector.learned(), { integrations: 1, hours: 57, restored: 2, unreadable: 2 })
  })

test('a week of another length is learned again, and that is counted', (t) => {
  const { open, rows } = learn(t)
  const { baselines } = open()
  baselines.write(rows.map((row) => ({ ...row, week: new Uint8Array(5) })))
  const detector = detectorWith({}, baselines)
  assert.deepEqual(pass(detector, at, at + 5 * minutes), [])
  assert.equal(detector.learned().unreadable, 2)
})

test('other rules apply to what was learned before at once', (t) => {
  const { open } = learn(t)
  const before = open()
  const first = detectorWith({}, before.baselines)
  pass(first, at, at + 5 * minutes)
  first.save()
  before.store.close()
  const detector = detectorWith({ flood: { minRequests: 100, ratio: 1.5, deviations: 1 } }, open().baselines)
  const found = pass(detector, at + 5 * minutes, at + 10 * minutes, () => [flow({ requests: 160, sentBytes: 0, receivedBytes: 0 })])
  assert.deepEqual([found.map(({ rule }) => rule), detector.learned().hours], [['flood'], 57])
})

test('what was learned is not replaced by what a process knows that could not open the store', (t) => {
  const { file, open, rows } = learn(t)
  const clock = { at: 0 }
  const aside = join(file, '../../aside')
  moveAway(file, aside)
  const store = openStore(file, migrate, () => clock.at)
  const baselines = createBaselines(store)
  const detector = detectorWith({}, baselines)
  pass(detector, at, at + 5 * minutes)
  detector.save()
  assert.deepEqual([store.state().kept, hoursOf(detector)], ['memory', [0, 0]])
  moveBack(file, aside)
  clock.at += 60_000
  store.check()
  detector.saveSome()
  assert.deepEqual([store.state().kept, hoursOf(detector).sort()], ['file', [57, 63]])
  assert.deepEqual(open().baselines.read('alpha', '')?.week, rows[0]?.week)
})

test('what a store does not know yet is written to it, once it can be read', () => {
  const rows = new Map<string, BaselineRow>()
  const disk = { isFailing: true }
  const failing = () => {
    if (disk.isFailing) throw new Error('disk')
  }
  const detector = detectorWith(
    {},
    {
      generation: () => 0,
      read(_, destination) {
        failing()
        const row = rows.get(destination)
        return row === undefined ? null : { state: row.state, week: row.week ?? new Uint8Array() }
      },
      write(changed) {
        failing()
        for (const row of changed) rows.set(row.destination, row)
      },
      destinations: () => [],
    },
  )
  pass(detector, at, at + 65 * minutes)
  detector.save()
  assert.equal(rows.size, 0)
  disk.isFailing = false
  detector.save()
  assert.deepEqual([...rows.keys()], ['', 'api.example.com:443'])
})

test('the hours of an integration are answered after a restart, before it asks for anything', (t) => {
  const { open } = learn(t)
  const detector = detectorWith({}, open().baselines)
  detector.take({ from: at, to: at + 1000, flows: [flow({ integration: 'beta' })] })
  assert.deepEqual([detector.usual('alpha')?.hours, detector.usual('never-seen')], [57, null])
})

test('a clock that begins in 1970 and is set later loses nothing, and learns nothing of the time in between', (t) => {
  const { open } = learn(t)
  const detector = detectorWith({}, open().baselines)
  detector.take({ from: 0, to: 1000, flows: [flow({ integration: 'beta' })] })
  pass(detector, thursday + 34 * hours, thursday + 35 * hours)
  assert.deepEqual([hoursOf(detector).sort(), comparedWith(detector)], [[57, 63], ofOtherDays])
})

function moveAway(file: string, aside: string): void {
  rmSync(`${file}-wal`, { force: true })
  rmSync(`${file}-shm`, { force: true })
  renameSync(join(file, '..'), aside)
  writeFileSync(join(file, '..'), 'in the way of the folder')
}

function moveBack(file: string, aside: string): void {
  rmSync(join(file, '..'))
  renameSync(aside, join(file, '..'))
}
