/** Ids of requests: unique, and fit to be pasted into a command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIds } from '../../src/ingress/request-id.ts'

test('an id never begins as a flag does, and none comes twice', () => {
  const ids = Array.from({ length: 2000 }, () => createIds()())
  assert.ok(ids.every((id) => /^\w[\w-]{11}\.1$/.test(id)))
  assert.equal(new Set(ids).size, ids.length)
})
