/** The comparison itself: each kind of difference between what was judged and what was seen is found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { compare, type Judged } from './compare.ts'
import type { Seen } from './origins.ts'

const judged: Judged = {
  ...{ id: '1', door: 'proxy', subject: { path: '/a%20b', query: 'x=1' }, status: 200, sentBytes: 7, problem: null },
  head: {
    ...{ method: 'POST', host: 'read.test', port: 81, path: '/a%20b', query: { x: ['1'] } },
    headers: { host: ['read.test:81'], 'x-case': ['c'], 'x-plain': ['1', '2'] },
  },
  body: { type: 'json', bytes: 7, value: { a: 1 } },
}
const seen: Seen = {
  ...{
    server: 'nginx',
    version: '1',
    method: 'POST',
    target: '/a%20b?x=1',
    path: '/a b',
    query: 'x=1',
    keys: [['x', '1']],
    host: 'read.test:81',
  },
  headers: [
    ['Host', 'read.test:81'],
    ['X-Case', 'c'],
    ['X-Plain', '1'],
    ['x-plain', '2'],
    ['Content-Length', '7'],
  ],
  ...{ body: '{"a":1}', trailers: [] },
}
const faultsOf = (requests: readonly Seen[], of: readonly Judged[] = [judged]) =>
  compare({ judged: of, seen: requests, sent: new Map(), servers: [] }).map((fault) => fault.split(/\n|: \{/)[0])

const differences: readonly (readonly [Partial<Seen>, string])[] = [
  [{ method: 'GET' }, 'method'],
  [{ host: 'other.test:81' }, 'host'],
  [{ target: '/a%20b?x=1&y' }, 'target'],
  [{ target: '/a b?x=1' }, 'target'],
  [{ path: '/a/b' }, 'path as the server reads it'],
  [{ query: 'x=2' }, 'query'],
  [{ keys: [['x', '2']] }, 'keys of the query'],
  [{ headers: seen.headers.slice(0, 3) }, 'headers'],
  [{ headers: [...seen.headers, ['X-Injected', '']] }, 'headers'],
  [{ trailers: [['Content-Length', '1']] }, 'trailers'],
  [{ body: '{"a":2}' }, 'body'],
  [{ body: '{"a": 1}' }, 'bytes of the body; body'],
]

test('each kind of difference between what was judged and what was seen is found', () => {
  assert.deepEqual(faultsOf([seen]), [])
  assert.deepEqual(faultsOf([seen], []), ['never judged'])
  assert.deepEqual(faultsOf([]), ['answered, and not seen'])
  eachCase(differences, ([part, what]) => assert.deepEqual(faultsOf([{ ...seen, ...part }]), [what]))
})
