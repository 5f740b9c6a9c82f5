/** What the policy sees of a body: one reading, or none that an origin could contradict (security case 11). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { RequestBody } from '../../src/core/index.ts'
import { bodyOf, headersOf, queryOf, segmentsOf } from '../../src/resources/http/facts.ts'

const body = (whole: Buffer | string | null): RequestBody => ({
  declaredBytes: null,
  whole: typeof whole === 'string' ? Buffer.from(whole) : whole,
  watch: () => {},
  count: () => {},
  async *chunks() {},
})
const json = ['Content-Type', 'application/json']

for (const [what, text] of [
  ['is no JSON', '{"a":'],
  ['has a key twice', '{"role":"user","role":"admin"}'],
  ['has a key twice, once escaped', '{"role":"user","r\\u006fle":"admin"}'],
  ['has a key in two cases', '{"role":"user","Role":"admin"}'],
  ['has a key in two cases of Unicode', '{"pass":"x","pa\u017f\u017f":"y"}'],
  ['has a key twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}'],
  ['has two values', '{} {}'],
  ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['is compressed', gzipSync('{"a":1}')],
] as const) {
  test(`JSON that ${what} is refused`, () => {
    assert.throws(() => bodyOf(body(text as Buffer | string), json), { code: 'malformed-request' })
  })
}

test('a body of two types is refused, whichever comes first', () => {
  for (const headers of [
    [...json, 'content-type', 'text/plain'],
    ['CONTENT-TYPE', 'text/plain', ...json],
  ])
    assert.throws(() => bodyOf(body('{"a":1}'), headers), { code: 'malformed-request' })
})

test('JSON, forms and texts are read, the rest is not', () => {
  const value = { a: [{ b: 1 }, { b: 2 }], ['__proto__']: { c: 1 } }
  assert.deepEqual(bodyOf(body(JSON.stringify(value)), ['content-type', 'application/problem+JSON; charset=utf-8'])['value'], value)
  assert.deepEqual(
    { ...(bodyOf(body('a=1&a=2'), ['content-type', 'application/x-www-form-urlencoded'])['value'] as object) },
    { a: ['1', '2'] },
  )
  assert.deepEqual(bodyOf(body('x'), ['content-type', 'text/plain']), { type: 'text', bytes: 1, value: 'x' })
  assert.deepEqual(bodyOf(body('x'), []), { type: 'binary', bytes: 1 })
  assert.deepEqual(bodyOf(body(null), json), { type: 'unread', bytes: 0 })
})

test('JSON with a string of sixteen megabytes is read, and a key twice behind it is seen', () => {
  const long = JSON.stringify('x"\n'.repeat(4 * 1024 * 1024))
  assert.equal((bodyOf(body(`{"a":${long},"b":1}`), json)['value'] as { b: number }).b, 1)
  assert.throws(() => bodyOf(body(`{"a":${long},"A":1}`), json), { code: 'malformed-request' })
})

test('every duplicate of a header and of a query key is seen, and no name is special', () => {
  assert.deepEqual(
    { ...headersOf(['X-Role', 'user', 'x-role', 'admin', '__proto__', 'x']) },
    { 'x-role': ['user', 'admin'], ['__proto__']: ['x'] },
  )
  assert.deepEqual({ ...queryOf('role=user&role=admin&%72ole=root') }, { role: ['user', 'admin', 'root'] })
  assert.deepEqual(segmentsOf('/v1/items/'), ['v1', 'items', ''])
})
