/** Legal holds: what they keep from retention, over restarts and failures. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createHolds, type GivenHold } from '../../src/holds/index.ts'
import { createFolder } from '../support/folder.ts'

const by = { who: 'ann', role: 'operator', by: 'token' }
const given = (more: Partial<GivenHold> = {}): GivenHold => ({
  from: 0,
  to: null,
  integration: null,
  reason: 'a case',
  until: null,
  ...more,
})

function arrange(t: TestContext, folder = createFolder(t)) {
  const file = join(folder, 'holds.json')
  const log: Record<string, unknown>[] = []
  const state = { nowMs: Date.UTC(2026, 0, 1), isBroken: false, unknown: [] as Error[] }
  const open = async (recorded: readonly unknown[] = []) => {
    const holds = createHolds({
      file,
      async *recorded() {
        yield* recorded
      },
      note: (type, facts) => void log.push({ type, time: new Date(state.nowMs).toISOString(), ...facts }),
      async noted() {
        if (state.isBroken) throw new Error('the disk is full')
      },
      next: () => 500,
      onUnknown: (error) => state.unknown.push(error),
      wallClock: () => state.nowMs,
    })
    await holds.start()
    return holds
  }
  return { file, log, state, open }
}

test('a hold keeps its first record and its own, over restarts, until it is released', async (t) => {
  const { log, open } = arrange(t)
  const holds = await open()
  assert.equal(holds.heldFrom(), null)
  const hold = await holds.add(given({ from: 700, to: 900, integration: 'weather' }), by)
  assert.equal(holds.heldFrom(), 500)
  await holds.add(given({ from: 30 }), by)
  const again = await open()
  assert.deepEqual([again.heldFrom(), again.list()?.length], [30, 2])
  assert.equal(await again.release(hold?.id ?? '', 'closed', by), true)
  assert.equal(await again.release('nothing', 'closed', by), false)
  assert.deepEqual(
    (await open()).list()?.map(({ from }) => from),
    [30],
  )
  assert.deepEqual(
    log.map(({ type, who }) => [type, who]),
    [
      ['hold', 'ann'],
      ['hold', 'ann'],
      ['released', 'ann'],
    ],
  )
})

test('a hold ends by itself when its time is over', async (t) => {
  const { state, open } = arrange(t)
  const holds = await open()
  await holds.add(given({ until: '2026-02-01T00:00:00.000Z' }), by)
  assert.equal(holds.heldFrom(), 0)
  state.nowMs = Date.UTC(2026, 1, 1)
  assert.deepEqual([holds.heldFrom(), holds.list()], [null, []])
})

test('where what was kept is lost, the holds are read from the log', async (t) => {
  const { file, log, open } = arrange(t)
  const holds = await open()
  await holds.add(given({ from: 7, integration: 'weather', until: '2027-01-01T00:00:00.000Z' }), by)
  const released = await holds.add(given({ from: 3 }), by)
  await holds.release(released?.id ?? '', 'closed', by)
  const before = holds.list()
  rmSync(file)
  const again = await open([{ type: 'hold', hold: 7 }, null, ...log])
  assert.deepEqual(again.list(), before)
  assert.match(readFileSync(file, 'utf8'), /weather/)
})

test('what cannot be read holds everything, and changes nothing', async (t) => {
  const { file, state, open } = arrange(t)
  writeFileSync(file, '{"holds":[{"id":"x"}]}')
  const holds = await open()
  assert.deepEqual([holds.heldFrom(), holds.list(), state.unknown.length], [0, null, 1])
  await assert.rejects(holds.add(given(), by), /not known/)
  assert.equal(readFileSync(file, 'utf8'), '{"holds":[{"id":"x"}]}')
})

test('a hold that cannot be recorded is in force, and a release that cannot be is none', async (t) => {
  const { state, open } = arrange(t)
  const holds = await open()
  const first = await holds.add(given({ from: 7 }), by)
  state.isBroken = true
  await assert.rejects(holds.add(given({ from: 3 }), by), /disk is full/)
  await assert.rejects(holds.release(first?.id ?? '', 'closed', by), /disk is full/)
  assert.deepEqual(
    (await open()).list()?.map(({ from }) => from),
    [7, 3],
  )
})
