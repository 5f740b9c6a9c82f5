/** The log read back: what mentions an id is found wherever chunks of the file end, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../src/audit/chain.ts'
import { readAudit } from '../../src/audit/index.ts'
import { createFolder } from '../support/folder.ts'

const chunkBytes = 1024 * 1024

test('records that mention an id are found across the ends of chunks and segments, a torn last line too', async (t) => {
  const line = (id: string, more: object) => JSON.stringify({ type: 'decided', id, ...more })
  const other = line('b', { about: 'x'.repeat(400) })
  for (const shift of [0, 1, 2, 20, 40, 41, 42, 43, 44]) {
    const wanted = line('a', { about: 'é'.repeat(10) })
    // It ends or begins about where the first chunk does.
    const before = `${other}\n`.repeat(Math.floor(chunkBytes / (other.length + 1)) - 1)
    const padding = `${JSON.stringify({ type: 'decided', id: 'c', pad: 'y'.repeat(chunkBytes - before.length - 60 - shift) })}\n`
    const folder = createFolder(t, {
      [segmentName(1)]: `${before}${padding}${wanted}\n${line('a', { parent: 'z' })}\n${before}`,
      [segmentName(2)]: `${line('inside', { parent: 'a' })}\n${line('d', { about: 'a' })}\n${line('aa', {})}\n{"type":"settled","id":"a"`,
    })
    const found: unknown[] = []
    for await (const record of readAudit(folder, ['decided'], 'a')) found.push((record as { id: string }).id)
    assert.deepEqual(found, ['a', 'a', 'inside', 'd'], `shift ${shift}`)
  }
})
