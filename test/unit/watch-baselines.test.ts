/** Baselines in the store of watching. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBaselines } from '../../src/watcher/baselines.ts'
import { migrate } from '../../src/watcher/migrations.ts'
import { openStore } from '../../src/watcher/store.ts'
import { createFolder } from '../support/folder.ts'
import { detectorWith, flow, hours, minutes, monday, pass, thursday } from '../support/watched-days.ts'

test('what was learned is in the store when the process starts again: what is usual stays usual, and what is new is new', (t) => {
  const file = join(createFolder(t), 'watch.db')
  const store = openStore(file, migrate)
  const before = detectorWith({}, createBaselines(store))
  pass(before, monday, thursday)
  before.saveSome()
  before.save()
  store.close()

  const again = openStore(file, migrate)
  const after = detectorWith({}, createBaselines(again))
  const at = thursday + 10 * hours
  assert.deepEqual(pass(after, at, at + hours), [])
  const found = pass(after, at + hours, at + hours + 5 * minutes, () => [
    flow({ destination: 'new.example.net:443', requests: 1, sentBytes: 900_000 }),
  ])
  assert.deepEqual(found.map(({ rule }) => rule).sort(), ['new-destination'])
  const uploaded = pass(after, at + 2 * hours, at + 2 * hours + 5 * minutes, () => [
    flow({ requests: 4, sentBytes: 2_000_000, receivedBytes: 0 }),
  ])
  assert.deepEqual(
    uploaded.map(({ rule }) => rule),
    ['upload-volume'],
  )
  again.close()
})
