/** The log read back, from bundles and write-ahead files: what mentions an id is found wherever the files end, and nothing else. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  bundlePath,
  readAudit,
  readAuditBackward,
  readNewest,
  readRecords,
  type StoredRecord,
  segmentName,
  walName,
} from '../../src/records/index.ts'
import { all, eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { walLine, writeTlog } from '../support/tlog-folder.ts'

const chunkBytes = 1024 * 1024
const json = (id: string, more: object = {}) => JSON.stringify({ type: 'decided', id, ...more })
const idOf = (record: unknown) => (record as { id: string }).id

for (const shift of [0, 1, 2, 20, 40, 41, 42, 43, 44])
  test(`records that mention an id are found across the ends of chunks, of segments and of files, a torn last line too: ${shift}`, async (t) => {
    const other = json('b', { about: 'x'.repeat(400) })
    const wanted = json('a', { about: 'é'.repeat(10) })
    const before = `${other}\n`.repeat(Math.floor(chunkBytes / (other.length + 1)) - 1)
    const padding = `${JSON.stringify({ type: 'decided', id: 'c', pad: 'y'.repeat(chunkBytes - before.length - 60 - shift) })}\n`
    const folder = createFolder(t, {
      [segmentName(1)]: `${before}${padding}${wanted}\n${json('a', { parent: 'z' })}\n${before}`,
      [segmentName(2)]: `${json('inside', { parent: 'a' })}\n${json('d', { about: 'a' })}\n${json('aa')}\n{"type":"settled","id":"a"`,
    })
    const lines = [...Array.from({ length: 2600 }, () => other), json('e', { about: 'a', pad: 'z'.repeat(shift) })]
    writeTlog(folder, { records: lines })
    appendFileSync(join(folder, 'wal', walName(0)), `${walLine(json('f', { about: 'a' }))}00000000 {"type":"decided","id":"a"`)
    const found = await all(readAudit(folder, ['decided'], 'a'))
    assert.deepEqual(found.map(idOf), ['a', 'a', 'inside', 'd', 'e', 'f'], `shift ${shift}`)
    const backward = await all(readAuditBackward(folder, ['decided'], 'a'))
    assert.deepEqual(backward, found.toReversed(), `shift ${shift}, from the end`)
  })

test('the newest records of a type are read from the end, over bundles and files, and within a bound', async (t) => {
  const records = Array.from({ length: 530 }, (_, seq) =>
    JSON.stringify({ type: seq % 2 === 0 ? 'decided' : 'settled', seq, about: 'é'.repeat(20) }),
  )
  const folder = createFolder(t)
  writeTlog(folder, { records, walFrom: 300 })
  const indexesOf = async (maxBytes: number) =>
    (await readNewest(folder, 'decided', maxBytes)).map((record) => (record as { seq: number }).seq)
  const even = Array.from({ length: 265 }, (_, nth) => 528 - 2 * nth)
  assert.deepEqual(await indexesOf(1_000_000), even)
  const each = Buffer.byteLength(walLine(records[528] ?? ''))
  assert.deepEqual(await indexesOf(5 * each), [528, 526])
  assert.deepEqual(await indexesOf(10), [])
  await assert.rejects(readNewest(`${folder}/none`, 'decided', 10), { code: 'ENOENT' })
})

test('records are read from an index on, and those of a line that is being written once it is whole', async (t) => {
  const folder = createFolder(t)
  writeTlog(folder, { records: ['a', 'b', 'c'].map((id) => json(id)) })
  const wal = join(folder, 'wal', walName(0))
  const ends = new AbortController()
  const following = readRecords(folder, { from: 1, follow: true, signal: ends.signal })
  const ids = async () => ((await following.next()).value ?? []).map(({ index, text }: StoredRecord) => [index, JSON.parse(text).id])
  assert.deepEqual(await ids(), [
    [1, 'b'],
    [2, 'c'],
  ])
  const next = walLine(json('d'))
  appendFileSync(wal, next.slice(0, 20))
  appendFileSync(wal, next.slice(20))
  assert.deepEqual(await ids(), [[3, 'd']])
  ends.abort()
  assert.equal((await following.next()).done, true)
  assert.deepEqual(
    (await all(readRecords(folder, { from: 3 }))).flat().map(({ index }) => index),
    [3],
  )
})

test('records are read on where a write-ahead file was removed, and behind those that retention has removed', async (t) => {
  const folder = createFolder(t)
  const { lines } = writeTlog(folder, { records: Array.from({ length: 1100 }, () => ({ type: 'note' })), walFrom: 1024 })
  const read = async (from: number) => (await all(readRecords(folder, { from }))).flat()
  eachCase(await read(0), ({ index, text }) => assert.equal(text, lines[index]))
  const following = readRecords(folder, { from: 1050 })
  assert.equal((await following.next()).value?.[0]?.index, 1050)
  writeFileSync(join(folder, 'wal', walName(1100)), walLine(json('z')))
  rmSync(join(folder, 'wal', walName(1024)))
  assert.equal((await following.next()).value?.[0]?.index, 1100)
  rmSync(join(folder, bundlePath(0)))
  rmSync(join(folder, bundlePath(1)))
  assert.deepEqual((await read(3))[0]?.index, 512)
  rmSync(join(folder, 'tile'), { recursive: true })
  assert.deepEqual(
    (await read(0)).map(({ index }) => index),
    [1100],
  )
})

test('what a damaged bundle does not have is passed over, and nothing comes twice or under the number of another', async (t) => {
  const folder = createFolder(t)
  const { lines } = writeTlog(folder, { records: Array.from({ length: 1100 }, () => ({ type: 'note' })), walFrom: 1024 })
  const bundle = join(folder, bundlePath(1))
  const whole = readFileSync(bundle)
  const damages: Readonly<Record<string, readonly [damage: () => void, read: number]>> = {
    'cut in a record': [() => truncateSync(bundle, whole.byteLength / 2), 972],
    empty: [() => truncateSync(bundle), 844],
    'a length of another': [() => writeFileSync(bundle, Buffer.concat([Buffer.of(255), whole.subarray(1)])), 844],
    'more records than belong there': [() => writeFileSync(bundle, Buffer.concat([whole, whole])), 1100],
    'without an end': [() => truncateSync(bundle, 2 ** 40), 1100],
    'a pipe': [
      () => {
        rmSync(bundle)
        execFileSync('mkfifo', [bundle])
      },
      844,
    ],
  }
  await eachCase(Object.entries(damages), async ([name, [damage, count]]) => {
    writeFileSync(bundle, whole)
    damage()
    const found = (await all(readRecords(folder))).flat()
    assert.equal(found.length, count, name)
    eachCase(found, ({ index, text }) => assert.equal(text, lines[index], name))
  })
})

test('a write-ahead file that is a pipe, or a line without an end, is read as far as there are lines', async (t) => {
  const folder = createFolder(t)
  writeTlog(folder, { records: [{ type: 'note' }, { type: 'note' }] })
  const wal = join(folder, 'wal', walName(0))
  const read = async () => (await all(readRecords(folder))).flat().map(({ index }) => index)
  truncateSync(wal, 2 ** 40)
  assert.deepEqual(await read(), [0, 1])
  rmSync(wal)
  execFileSync('mkfifo', [wal])
  assert.deepEqual(await read(), [])
})

test('a folder without records has none, and one that is not there says so', async (t) => {
  const folder = createFolder(t)
  assert.deepEqual(await all(readRecords(folder)), [])
  mkdirSync(join(folder, 'wal'))
  assert.deepEqual(await all(readRecords(folder, { from: 7 })), [])
  await assert.rejects(all(readRecords(`${folder}/none`)), { code: 'ENOENT' })
})
