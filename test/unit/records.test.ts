/** The log read back: what mentions an id is found wherever chunks of the file end, and nothing else. */
import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAudit, readNewest, readRecords, type StoredRecord, segmentName } from '../../src/records/index.ts'
import { all } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'

const chunkBytes = 1024 * 1024

for (const shift of [0, 1, 2, 20, 40, 41, 42, 43, 44])
  test(`records that mention an id are found across the ends of chunks and segments, a torn last line too: ${shift}`, async (t) => {
    const line = (id: string, more: object) => JSON.stringify({ type: 'decided', id, ...more })
    const other = line('b', { about: 'x'.repeat(400) })
    const wanted = line('a', { about: 'é'.repeat(10) })
    const before = `${other}\n`.repeat(Math.floor(chunkBytes / (other.length + 1)) - 1)
    const padding = `${JSON.stringify({ type: 'decided', id: 'c', pad: 'y'.repeat(chunkBytes - before.length - 60 - shift) })}\n`
    const folder = createFolder(t, {
      [segmentName(1)]: `${before}${padding}${wanted}\n${line('a', { parent: 'z' })}\n${before}`,
      [segmentName(2)]: `${line('inside', { parent: 'a' })}\n${line('d', { about: 'a' })}\n${line('aa', {})}\n{"type":"settled","id":"a"`,
    })
    const found = await all(readAudit(folder, ['decided'], 'a'))
    assert.deepEqual(
      (found as { id: string }[]).map(({ id }) => id),
      ['a', 'a', 'inside', 'd'],
      `shift ${shift}`,
    )
  })

test('the newest records of a type are read from the end, over segments and within a bound', async (t) => {
  const line = (type: string, id: number) => `${JSON.stringify({ type, id, about: 'é'.repeat(20) })}\n`
  const segment = (from: number) =>
    Array.from({ length: 10 }, (_, index) => line(index % 2 === 0 ? 'decided' : 'settled', from + index)).join('')
  const folder = createFolder(t, { [segmentName(1)]: segment(0), [segmentName(2)]: `${segment(10)}{"type":"decided","id":99` })
  const idsOf = async (maxBytes: number) => (await readNewest(folder, 'decided', maxBytes)).map((record) => (record as { id: number }).id)
  assert.deepEqual(await idsOf(1_000_000), [18, 16, 14, 12, 10, 8, 6, 4, 2, 0])
  const each = Buffer.byteLength(line('decided', 10))
  assert.deepEqual(await idsOf(5 * each), [18, 16])
  assert.deepEqual(await idsOf(10), [])
  await assert.rejects(readNewest(`${folder}/none`, 'decided', 10), { code: 'ENOENT' })
})

test('records are read from an index on, over segments, and those of a line that is being written once it is whole', async (t) => {
  const line = (id: string) => `${JSON.stringify({ type: 'note', id })}\n`
  const folder = createFolder(t, { [segmentName(1)]: `${line('a')}${line('b')}`, [segmentName(2)]: `${line('c')}{"type":` })
  const ends = new AbortController()
  const following = readRecords(folder, { from: 1, follow: true, signal: ends.signal })
  const ids = async () => ((await following.next()).value ?? []).map(({ index, text }: StoredRecord) => [index, JSON.parse(text).id])
  assert.deepEqual([await ids(), await ids()], [[[1, 'b']], [[2, 'c']]])
  appendFileSync(join(folder, segmentName(2)), '"note","id":"d"}\n')
  assert.deepEqual(await ids(), [[3, 'd']])
  ends.abort()
  assert.equal((await following.next()).done, true)
  assert.deepEqual(
    (await all(readRecords(folder, { from: 3 }))).flat().map(({ index }) => index),
    [3],
  )
})
