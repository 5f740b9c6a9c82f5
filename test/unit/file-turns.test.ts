/** A file's turn: for a caller that has left by then, nothing is read and nothing is written. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type FileRequest, isTakeover, Permit } from '../../src/core/index.ts'
import { createFileResource } from '../../src/resources/index.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { noProgress } from '../support/outcome.ts'

const decision = { allow: true, rule: 'default/files/0', capability: null, reasons: [], obligations: {}, revision: '1' }
const none = { ifMatch: null, ifNoneMatch: null, ifModifiedSince: null, ifUnmodifiedSince: null }
const body = {
  async *chunks() {
    yield Buffer.from('new')
  },
}

test('a caller that leaves before its turn changes nothing and gets nothing', async (t) => {
  const root = createFolder(t, { 'a.txt': 'old' })
  const resource = createFileResource()
  const perform = async (action: FileRequest['action'], path: string, gone: boolean) => {
    const integration = { name: 'weather', files: [{ id: 'files/0', name: 'data', root, maxBytes: 1000 }] }
    const hangup = { gone, onGone: () => () => {} }
    const target = { root: 'data', path }
    const request = { kind: 'file', integration, hangup, target, action, conditions: none, head: false, body } as unknown as FileRequest
    const claim = resource.claim(request, { headers: false, body: false, context: false })
    const reply = await Permit.from(request, claim, decision, () => ({})).perform(noProgress)
    if (!isTakeover(reply) && typeof reply.body === 'function') await reply.body({ write: () => true })
    return reply.status
  }
  await eachCase(
    [
      ['write', 'a.txt'],
      ['write', 'b.txt'],
      ['read', 'a.txt'],
      ['stat', 'a.txt'],
      ['list', ''],
    ] as const,
    ([action, path]) => assert.rejects(perform(action, path, true), { code: 'client-closed' }, `${action} ${path}`),
  )
  assert.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'old')
  assert.deepEqual(readdirSync(root), ['a.txt'])
  assert.equal(await perform('write', 'a.txt', false), 204)
  assert.equal(await perform('write', 'b.txt', false), 201)
  assert.equal(await perform('read', 'a.txt', false), 200)
  assert.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'new')
  assert.ok(existsSync(join(root, 'b.txt')))
})
