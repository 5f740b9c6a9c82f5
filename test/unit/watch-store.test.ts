/** The store of watching where its file is removed, damaged, or cannot be written. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Flow, Slice } from '../../src/watch/index.ts'
import { createDestinations } from '../../src/watcher/destinations.ts'
import { migrate } from '../../src/watcher/migrations.ts'
import { openStore } from '../../src/watcher/store.ts'

const used = (destination: string): Slice => ({
  from: 0,
  to: 1000,
  flows: [{ integration: 'weather', destination, requests: 1, denied: 0, limited: 0 } as Flow],
})

function arrange(t: TestContext, begin: (file: string) => void = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-watch-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'state/watch.db')
  begin(file)
  const clock = { at: 1_000_000 }
  const open = () => {
    const store = openStore(file, migrate, () => clock.at)
    const destinations = createDestinations(store)
    const use = (destination: string) => {
      const isFirstUse = destinations.mark(used(destination)).flows[0]?.isFirstUse
      destinations.save()
      return isFirstUse
    }
    const later = () => {
      clock.at += 60_000
      store.check()
      destinations.save()
    }
    return { store, use, later, known: () => destinations.of('weather').map(({ destination }) => destination) }
  }
  return { file, open }
}

test('what is known outlives a restart, for the gateway’s user alone', (t) => {
  const { file, open } = arrange(t)
  const first = open()
  assert.equal(first.use('a.example:443'), true)
  assert.equal(first.use('a.example:443'), false)
  first.store.close()
  assert.equal(open().use('a.example:443'), false)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('a store that is removed while it is used is written again, with what was known', (t) => {
  const { file, open } = arrange(t)
  const { store, use, later, known } = open()
  const made = store.following((database) => ({
    count: () => Number(database.prepare('SELECT count(*) AS n FROM destinations').get()?.['n']),
  }))
  use('a.example:443')
  rmSync(file)
  rmSync(`${file}-wal`, { force: true })
  later()
  assert.deepEqual(known(), ['a.example:443'])
  assert.match(store.state().problem ?? '', /removed/)
  use('b.example:443')
  assert.equal(made.count(), 2)
  store.close()
  assert.deepEqual(open().known().sort(), ['a.example:443', 'b.example:443'])
})

test('a full disk keeps what is learned in memory, and it is written once there is room', (t) => {
  const { open } = arrange(t)
  const { store, use, later, known } = open()
  store.database.exec('PRAGMA max_page_count = 1')
  const names = Array.from({ length: 500 }, (_, index) => `${'x'.repeat(40)}-${index}.example:443`)
  const [first = ''] = names
  assert.deepEqual(
    names.map(use).filter((isFirstUse) => isFirstUse === false),
    [],
  )
  assert.match(store.state().problem ?? '', /full/)
  assert.equal(use(first), false)
  store.database.exec('PRAGMA max_page_count = 100000')
  later()
  assert.equal(known().length, 500)
  assert.equal(store.state().problem, null)
})

test('a damaged store is set aside, and begun again', (t) => {
  const { file, open } = arrange(t, (path) => {
    mkdirSync(join(path, '..'))
    writeFileSync(path, 'this is no database, and never was one')
  })
  const { store, use } = open()
  assert.equal(use('a.example:443'), true)
  assert.match(store.state().problem ?? '', /damaged/)
  const [aside = ''] = readdirSync(join(file, '..')).filter((name) => name.includes('damaged'))
  assert.match(readFileSync(join(file, '..', aside), 'utf8'), /never was one/)
})

test('a store that cannot be opened is kept in memory, and becomes a file as soon as it can', (t) => {
  const { file, open } = arrange(t, (path) => writeFileSync(join(path, '..'), 'in the way of the folder'))
  const { store, use, later, known } = open()
  use('a.example:443')
  assert.equal(store.state().kept, 'memory')
  later()
  assert.equal(store.state().kept, 'memory')
  rmSync(join(file, '..'))
  later()
  assert.deepEqual([store.state().kept, store.state().problem], ['file', null])
  assert.deepEqual(known(), ['a.example:443'])
  store.close()
  assert.deepEqual(open().known(), ['a.example:443'])
})
