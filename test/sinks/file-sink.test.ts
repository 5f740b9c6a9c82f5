/** The sink that is a file: whole lines only, whatever became of the file meanwhile. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, renameSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createFileSink, createStreamSink } from '../../src/sinks/file-sink.ts'
import { createFolder } from '../support/folder.ts'
import { shippedCheckpoint, shippedRecords, textsOf } from '../support/shipped.ts'

const { signal } = new AbortController()
const linesIn = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1)

test('a file gets a line per record and per checkpoint, and no other user can read it', async (t) => {
  const path = join(createFolder(t), 'records.jsonl')
  const sink = createFileSink(path)
  const items = [...shippedRecords(3), shippedCheckpoint(3)]
  await sink.deliver(items, signal)
  assert.deepEqual(linesIn(path), textsOf(items))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await sink.close()
})

test('a file that was renamed gets nothing more: the next records are in a new file of the name', async (t) => {
  const path = join(createFolder(t), 'records.jsonl')
  const sink = createFileSink(path)
  await sink.deliver(shippedRecords(2), signal)
  renameSync(path, `${path}.1`)
  await sink.deliver(shippedRecords(1, 2), signal)
  assert.deepEqual([linesIn(`${path}.1`), linesIn(path)], [textsOf(shippedRecords(2)), textsOf(shippedRecords(1, 2))])
  await sink.close()
})

test('a file is written on where it was truncated, and after it was asked to be opened anew', async (t) => {
  const path = join(createFolder(t), 'records.jsonl')
  const sink = createFileSink(path)
  await sink.deliver(shippedRecords(2), signal)
  truncateSync(path)
  sink.reopen?.()
  await sink.deliver(shippedRecords(1, 2), signal)
  assert.deepEqual(linesIn(path), textsOf(shippedRecords(1, 2)))
  await sink.close()
})

test('a line that a crash has torn is cut before the next', async (t) => {
  const path = join(createFolder(t), 'records.jsonl')
  const first = createFileSink(path)
  await first.deliver(shippedRecords(2), signal)
  await first.close()
  appendFileSync(path, '{"seq":2,"ti')
  const second = createFileSink(path)
  await second.deliver(shippedRecords(1, 2), signal)
  assert.deepEqual(linesIn(path), textsOf(shippedRecords(3)))
  await second.close()
})

test('a file that cannot be written rejects, and takes records again once it can', async (t) => {
  const folder = createFolder(t, { 'records.jsonl/in-the-way': '' })
  const path = join(folder, 'records.jsonl')
  const sink = createFileSink(path)
  await assert.rejects(sink.deliver(shippedRecords(1), signal), { code: 'EISDIR' })
  renameSync(path, join(folder, 'moved'))
  await sink.deliver(shippedRecords(1), signal)
  assert.deepEqual(linesIn(path), textsOf(shippedRecords(1)))
  await sink.close()
})

test('standard output resolves once the lines are taken, and rejects where nobody reads any more', async () => {
  const stream = new PassThrough()
  const sink = createStreamSink(stream)
  await sink.deliver(shippedRecords(2), signal)
  assert.equal(stream.read().toString(), `${textsOf(shippedRecords(2)).join('\n')}\n`)
  stream.on('error', () => {})
  stream.destroy()
  await assert.rejects(sink.deliver(shippedRecords(1), signal))
})
