/** The forms in which records leave the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createShape } from '../../src/sinks/shape.ts'

const context = { origin: 'sallyport/5f0c', version: '0.1.0' }
const stored = {
  index: 3,
  text: '{"seq":3,"time":"2026-11-28T04:00:00.000Z","type":"settled","id":"f91c-1","status":200,"__proto__":{"a":1.0}}',
}

test('each view is what sinks of that view get: json is the record as it is stored, byte for byte', () => {
  const shape = createShape({ view: 'json', mask: null, context })
  const record = shape.record(stored, 2)
  assert.equal(record?.text, stored.text)
  assert.deepEqual([record.index, record.leftOut, record.type, record.time], [3, 2, 'settled', '2026-11-28T04:00:00.000Z'])
  // printf '\0%s' "$text" | sha256sum
  assert.equal(record.leaf.length, 64)
  assert.equal(record.document['id'], 'f91c-1')
  const note = 'sallyport/5f0c\n4\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— sallyport/5f0c XwzA\n'
  assert.deepEqual(shape.checkpoint({ size: 4, note, hash: '' }, '2026-11-28T04:00:01.000Z').document, {
    type: 'checkpoint',
    time: '2026-11-28T04:00:01.000Z',
    origin: 'sallyport/5f0c',
    size: 4,
    note,
  })
})

test('a line that is no record is shipped as what it is', () => {
  const shape = createShape({ view: 'json', mask: null, context })
  const record = shape.record({ index: 4, text: 'torn' }, 0)
  assert.deepEqual([record?.type, record?.text, record?.document], ['unreadable', 'torn', { type: 'unreadable', text: 'torn' }])
})
