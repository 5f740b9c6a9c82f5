/** `query` of a capability: what may be written there, what it makes of the rest, and how a change of it is described. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgedQueryOf } from '../../src/canonical/index.ts'
import { diffManifests } from '../../src/manifests/index.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { integrationOf } from '../support/judge.ts'

const fetching = { hosts: ['git.example.com'], query: { service: ['git-upload-pack'] } }
const withQuery = (query: unknown) => integrationOf(grant({ network: [{ ...fetching, query }] } as never))

test('a capability with a query condition opens TLS, since each request has to be judged', () => {
  assert.equal(withQuery({ service: ['a'] }).network[0]?.tls, 'intercept')
  assert.throws(
    () => integrationOf(grant({ network: [{ ...fetching, tls: 'tunnel' }] })),
    /cannot be held inside a blind tunnel, nor query/,
  )
})

test('a condition that says nothing, or is not a list of values, is an error', async () => {
  await eachCase([{}, { '': ['a'] }, { service: 'a' }, { service: [1] }, { service: null }, ['service']], (query) =>
    assert.throws(() => withQuery(query), { name: 'ConfigError' }),
  )
})

test('a key called like a member of every object is a key', () => {
  const integration = integrationOf(
    'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: me\nnetwork: [{ hosts: [a.example], query: { constructor: [a], toString: [b] } }]',
  )
  assert.deepEqual(judgedQueryOf(integration, ''), { judgedQuery: {} })
  assert.deepEqual(judgedQueryOf(integration, 'constructor=a&toString=c'), { judgedQuery: { constructor: ['a'], toString: ['c'] } })
})

test('a key called __proto__ is refused, since it could be lost on the way', () => {
  const manifest =
    'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: me\nnetwork: [{ hosts: [a.example], query: { __proto__: [a], x: [y] } }]'
  assert.throws(() => integrationOf(manifest), /a key must be a plain word/)
})

test('diff says when a condition is widened, narrowed or dropped', async () => {
  const changes = [
    [{ service: ['a'] }, { service: ['a', 'b'] }, 'newly'],
    [{ service: ['a', 'b'] }, { service: ['a'] }, 'no longer'],
    [{ service: ['a'] }, undefined, 'newly'],
    [{ service: ['a'], page: ['1'] }, { service: ['a'] }, 'newly'],
    [{ service: [] }, { service: ['a'] }, 'both'],
    [{ service: ['a', 'b'] }, { service: ['b', 'a'] }, 'neither'],
  ] as const
  await eachCase(changes, ([before, after, expected]) => {
    const of = (query: object | undefined) => [
      integrationOf(grant({ network: [{ hosts: ['a.example'], tls: 'intercept', ...(query && { query }) }] } as never)),
    ]
    const changed = diffManifests(of(before), of(after)).flatMap(({ capabilities }) => capabilities)
    const more = changed.some(({ newlyAllowed }) => newlyAllowed.length > 0)
    const less = changed.some(({ noLongerAllowed }) => noLongerAllowed.length > 0)
    assert.equal(more ? (less ? 'both' : 'newly') : less ? 'no longer' : 'neither', expected)
  })
})
