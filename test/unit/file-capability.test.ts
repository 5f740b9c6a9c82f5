/** Which of several capabilities of a folder binds a request is what the decision says, and not how its rule is called. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Decision, type FileRequest, Permit } from '../../src/core/index.ts'
import { createFileResource } from '../../src/resources/index.ts'
import { createFolder } from '../support/folder.ts'
import { noProgress } from '../support/outcome.ts'

const needs = { headers: false, body: false, context: false }
const conditions = { ifMatch: null, ifNoneMatch: null, ifModifiedSince: null, ifUnmodifiedSince: null }
const hangup = { gone: false, onGone: () => () => {} }

/** Writes `bytes` bytes into a folder that `files/0` lets have 10 and `files/1` 100; `files/2` is another folder. */
function arrange(t: TestContext) {
  const [data, other] = [createFolder(t), createFolder(t)]
  const files = [
    { id: 'files/0', name: 'data', root: data, maxBytes: 10 },
    { id: 'files/1', name: 'data', root: data, maxBytes: 100 },
    { id: 'files/2', name: 'other', root: other, maxBytes: 1000 },
  ]
  const resource = createFileResource()
  async function write(bytes: number, { rule, capability }: Pick<Decision, 'rule' | 'capability'>) {
    const body = {
      async *chunks(maxBytes: number) {
        if (bytes > maxBytes) throw Object.assign(new Error('too large'), { code: 'payload-too-large' })
        yield Buffer.alloc(bytes)
      },
    }
    const integration = { name: 'weather', files }
    const target = { root: 'data', path: 'a' }
    const request = { kind: 'file', action: 'write', integration, hangup, target, conditions, head: false, body } as unknown as FileRequest
    const decision = { allow: true, rule, capability, reasons: [], obligations: {}, revision: '1' }
    const reply = await Permit.from(request, resource.claim(request, needs), decision, () => ({})).perform(noProgress)
    return reply.status
  }
  return { write, data, other }
}

test('the capability that the decision names binds the request', async (t) => {
  const { write } = arrange(t)
  assert.equal(await write(50, { rule: 'default/files/1', capability: 'files/1' }), 201)
  await assert.rejects(write(50, { rule: 'default/files/0', capability: 'files/0' }), { code: 'payload-too-large' })
})

test('the name of a rule chooses no capability', async (t) => {
  const { write } = arrange(t)
  assert.equal(await write(50, { rule: 'default/files/0', capability: 'files/1' }), 201)
  await assert.rejects(write(50, { rule: 'default/files/1', capability: null }), { code: 'payload-too-large' })
})

test('where a rule allows it, the first capability of that folder binds it', async (t) => {
  const { write } = arrange(t)
  assert.equal(await write(10, { rule: 'rules/allow', capability: null }), 201)
  await assert.rejects(write(11, { rule: 'rules/allow', capability: null }), { code: 'payload-too-large' })
})

for (const capability of ['files/2', 'files/3', 'network/0', 'data', '__proto__'])
  test(`a capability that is not one of that folder (${capability}) is refused, and nothing is touched`, async (t) => {
    const { write, data, other } = arrange(t)
    writeFileSync(join(other, 'b'), '')
    await assert.rejects(write(1, { rule: 'acme/files', capability }), { code: 'policy-failed' })
    assert.deepEqual([existsSync(join(data, 'a')), existsSync(join(other, 'a'))], [false, false])
  })
