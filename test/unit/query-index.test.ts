/** The index of a log whatever has happened to it or to the log: it is made anew where it must be, goes on where it can, and is never wrong. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { type Entry, type LogIndex, openIndex, placeIndex } from '../../src/query/index.ts'
import { all, times } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { allEntries, modelOf } from '../support/log-model.ts'
import { createWrittenLog, decided, indexOf, settled, type WrittenLog } from '../support/written-log.ts'

/** A log of so many requests, and an index of it that was closed. */
async function indexed(t: TestContext, requests = 30) {
  const log = createWrittenLog()
  times(requests, (round) => log.write(decided(`r.${round}`), settled(`r.${round}`)))
  const folder = createFolder(t)
  const notices: string[] = []
  const open = (given: WrittenLog = log) => indexOf(t, given, { folder, onNotice: (text) => notices.push(text) })
  const index = open()
  await index.catchUp()
  index.close()
  return { log, folder, notices, open, file: () => join(folder, readdirSync(folder).filter((name) => name.endsWith('.sqlite'))[0] ?? '') }
}

async function assertWhole(index: LogIndex, log: WrittenLog): Promise<void> {
  await index.catchUp()
  assert.deepEqual(await allEntries(index, {}, false), modelOf(log.records).entries({}, false))
  assert.deepEqual(
    await allEntries(index, { integration: ['weather'] }, false),
    modelOf(log.records).entries({ integration: ['weather'] }, false),
  )
}

const idsOf = (entries: readonly Entry[]) => entries.map(({ id }) => id)

test('an index that fits the log is used as it is', async (t) => {
  const { log, open, notices, file, folder } = await indexed(t)
  const name = file()
  log.write(decided('later'))
  await assertWhole(open(), log)
  assert.deepEqual([file(), notices], [name, []])
  assert.equal(statSync(file()).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

const damages = {
  'is no database': (file: string) => writeFileSync(file, 'not a database at all, but a text of some length'.repeat(100)),
  'is empty': (file: string) => writeFileSync(file, ''),
  'was cut': (file: string) => truncateSync(file, 40_960),
  'has other tables': (file: string) => edit(file, 'DROP TABLE entry; PRAGMA user_version = 0'),
  'is of a version to come': (file: string) => edit(file, 'PRAGMA user_version = 99'),
  'is the database of something else': (file: string) => edit(file, 'PRAGMA application_id = 1'),
}

function edit(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

for (const [what, damage] of Object.entries(damages))
  test(`an index that ${what} is made anew, and that is said in one line`, async (t) => {
    const { log, open, notices, file } = await indexed(t)
    damage(file())
    await assertWhole(open(), log)
    assert.equal(notices.length, 1, notices.join('\n'))
    assert.match(notices[0] ?? '', /^the index of the log is made anew: [^\n]+$/)
  })

test('pages that turn out to be damaged while a question is answered are made anew as well', async (t) => {
  const { log, file, notices, open } = await indexed(t, 400)
  const bytes = readFileSync(file())
  bytes.fill(0xff, 8192)
  writeFileSync(file(), bytes)
  await assertWhole(open(), log)
  assert.equal(notices.length, 1)
})

const misfits = {
  'of another gateway': { change: (log: WrittenLog) => void log.records.splice(0, 60, ...foreign(60)), notice: /another log/ },
  'that was cut': { change: (log: WrittenLog) => void log.records.splice(50), notice: /shorter than what was indexed/ },
  'that is empty': { change: (log: WrittenLog) => void log.records.splice(0), notice: /shorter than what was indexed/ },
  'that lost the record which was indexed last': {
    change: (log: WrittenLog) => log.write(decided('n.1')) ?? log.records.splice(0, 60),
    notice: /no longer has/,
  },
}

function foreign(count: number) {
  const log = createWrittenLog()
  times(count, (round) => log.write(decided(`f.${round}`)))
  return log.records
}

for (const [what, { change, notice }] of Object.entries(misfits))
  test(`the index does not outlive its log for one ${what}`, async (t) => {
    const { log, open, notices } = await indexed(t)
    change(log)
    await assertWhole(open(), log)
    assert.match(notices.join('\n'), notice)
  })

test('what retention removed disappears, also what is under way, and what is left is found', async (t) => {
  const { log, open, notices } = await indexed(t)
  const index = open()
  log.write(decided('open.1', { integration: 'mail' }), decided('open.2', { integration: 'mail' }))
  await index.catchUp()
  log.records.splice(0, 61)
  log.write(settled('open.1'), settled('open.2'))
  await index.catchUp()
  assert.deepEqual(idsOf(await allEntries(index, {}, false)), ['open.2'])
  assert.deepEqual(idsOf(await allEntries(index, { integration: ['weather'] }, false)), [])
  assert.deepEqual(idsOf(await allEntries(index, { integration: ['mail'], status: ['200'] }, false)), ['open.2'])
  assert.deepEqual(notices, [])
})

test('a build that was interrupted goes on behind its last group', async (t) => {
  const log = createWrittenLog()
  times(9000, (round) => log.write(decided(`r.${round}`), settled(`r.${round}`)))
  const folder = createFolder(t)
  const broken: WrittenLog = {
    ...log,
    async *read(place, options) {
      yield (await all(log.read(place, options))).flat().slice(0, 12_000)
      throw new Error('interrupted')
    },
  }
  await assert.rejects(indexOf(t, broken, { folder }).catchUp(), /interrupted/)
  const from: number[] = []
  const index = indexOf(
    t,
    { ...log, read: (place, options) => log.read(place, { from: from.push(options?.from ?? 0) && (options?.from ?? 0) }) },
    { folder },
  )
  await index.catchUp()
  assert.equal(from.at(-1), 10_000)
  assert.equal((await index.sums({}, 'integration'))[0]?.requests, 9000)
})

test('commands at the same time do not hurt one another, also where one makes the index anew', async (t) => {
  const { log, open, file } = await indexed(t)
  const before = open()
  await before.catchUp()
  edit(file(), 'PRAGMA user_version = 99')
  const others = [open(), open(), open()]
  log.write(decided('n.1'))
  await Promise.all(others.map((index) => index.catchUp()))
  log.write(settled('n.1'))
  await Promise.all([before, ...others].map((index) => assertWhole(index, log)))
})

test('there is a place for the index of any log: the state folder, the cache, or none that lasts', (t) => {
  const [log, own, cache] = [createFolder(t), join(createFolder(t), 'audit-index'), createFolder(t)]
  assert.equal(placeIndex(log, own, { XDG_CACHE_HOME: cache }).folder, own)
  const copy = placeIndex(log, null, { HOME: cache })
  assert.ok(copy.folder.startsWith(join(cache, '.cache/sallyport/audit-index/')))
  assert.notEqual(placeIndex(createFolder(t), null, { HOME: cache }).folder, copy.folder)
  const none = join(createFolder(t, { file: '' }), 'file/none')
  const nowhere = placeIndex(log, join(none, 'audit-index'), { XDG_CACHE_HOME: none })
  assert.equal(nowhere.isTemporary, true)
  nowhere.remove()
  assert.throws(() => statSync(nowhere.folder), { code: 'ENOENT' })
})

test('an index that is closed, and a folder that is a file, say so', async (t) => {
  const folder = createFolder(t, { file: '' })
  assert.throws(() => openIndex({ log: folder, folder: join(folder, 'file') }), { code: 'EEXIST' })
})

test('the bench of the index asks all its questions, and finds what there is', async () => {
  const { code, stdout, stderr } = await command(process.execPath, ['--no-warnings', join(root, 'test/bench/audit-query.ts')], {
    env: cleanEnv({ BENCH_RECORDS: '4000' }),
  })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^built from 4000 records /m)
  assert.match(stdout, /^one decision +50 rows /m)
  assert.match(stdout, /^two that are common, and never together +0 rows /m)
  assert.match(stdout, /^an id +1 rows /m)
  assert.match(stdout, /^sums by integration \{\} +50 rows /m)
})
