/** Deltas: applied whole and within the roots, or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyDelta } from '../../src/bundles/format/apply-delta.ts'
import type { DeltaBundle } from '../../src/bundles/format/bundle.ts'
import { readBundle } from '../../src/bundles/index.ts'
import { bundleOf, origin, readFiles, refusalOf } from '../support/bundles.ts'

const before = { acme: { users: { alice: { role: 'admin' } }, list: [1, 2, 3] } }
const manifest = (revision: string) => ({ revision, roots: ['acme'] })
const base = await readFiles({ '.manifest': manifest('r1'), 'data.json': before })

async function applied(...operations: readonly object[]) {
  const bytes = await bundleOf({ '.manifest': manifest('r2'), 'patch.json': { data: operations } })
  return applyDelta(base, (await readBundle(bytes, { origin, verification: null })) as DeltaBundle, origin)
}

for (const [claim, operation, acme] of [
  ['upsert makes the folders that are missing', { op: 'upsert', path: '/acme/a/b', value: 1 }, { ...before.acme, a: { b: 1 } }],
  ['upsert replaces what is there', { op: 'upsert', path: 'acme/users', value: null }, { ...before.acme, users: null }],
  ['upsert puts an item before another', { op: 'upsert', path: '/acme/list/1', value: 9 }, { ...before.acme, list: [1, 9, 2, 3] }],
  ['upsert appends at "-"', { op: 'upsert', path: '/acme/list/-', value: 9 }, { ...before.acme, list: [1, 2, 3, 9] }],
  ['replace takes the place of an item', { op: 'replace', path: '/acme/list/0', value: 9 }, { ...before.acme, list: [9, 2, 3] }],
  ['replace takes the place of a value', { op: 'replace', path: '/acme/users/alice', value: 1 }, { ...before.acme, users: { alice: 1 } }],
  ['remove takes a key away', { op: 'remove', path: '/acme/users/alice', value: null }, { ...before.acme, users: {} }],
  ['remove takes an item away', { op: 'remove', path: '/acme/list/2' }, { ...before.acme, list: [1, 2] }],
  ['escapes of RFC 6901 and of URLs are read', { op: 'upsert', path: '/acme/a~1b~0%20c', value: 1 }, { ...before.acme, 'a/b~ c': 1 }],
] as const)
  test(claim, async () => assert.deepEqual((await applied(operation)).data, { acme }))

test('takes the delta’s revision and keeps all but the data', async () => {
  const after = await applied({ op: 'remove', path: '/acme/list' })
  assert.deepEqual(after, { ...base, revision: 'r2', data: { acme: { users: before.acme.users } } })
})

for (const [claim, operation, expected] of [
  [
    'to remove what is not there',
    { op: 'remove', path: '/acme/users/bob' },
    /^patch\.json: \/acme\/users\/bob: there is no such value; send a snapshot/,
  ],
  ['to replace what is not there', { op: 'replace', path: '/acme/x', value: 1 }, /\/acme\/x: there is no such value/],
  ['to reach into a text', { op: 'upsert', path: '/acme/users/alice/role/x', value: 1 }, /leads into a value that has no parts/],
  ['an item beyond the end', { op: 'replace', path: '/acme/list/3', value: 1 }, /there is no such item/],
  ['an index that is not a number', { op: 'upsert', path: '/acme/list/01', value: 1 }, /there is no such item/],
  ['a path outside of the roots', { op: 'upsert', path: '/acme2', value: 1 }, /\/acme2: lies outside of the roots acme/],
] as const)
  test(`refuses ${claim}, and leaves the data as it was`, async () => {
    assert.match(await refusalOf(applied({ op: 'remove', path: '/acme/list/0' }, operation)), expected)
    assert.deepEqual(base.data, before)
  })

test('takes a prototype as a path for plain keys', async () => {
  const { data } = await applied({ op: 'upsert', path: '/acme/constructor/prototype/x', value: 1 })
  assert.ok(Object.hasOwn(data['acme'] as object, 'constructor'))
  assert.deepEqual(base.data, before)
})

test('refuses a delta without operations, whoever made it', async () => {
  const empty: DeltaBundle = { kind: 'delta', revision: 'r2', patch: [], signedAt: null }
  assert.match(await refusalOf((async () => applyDelta(base, empty, origin))()), /holds no operation/)
})
