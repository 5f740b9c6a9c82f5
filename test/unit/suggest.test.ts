/** What suggest generalises, and what it puts together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suggest } from '../../src/authoring/index.ts'
import { generaliseIds, mergeSiblings } from '../../src/authoring/suggest/siblings.ts'
import { globCovers, pathCovers } from '../../src/canonical/index.ts'
import { integrationOf, recordOf } from '../support/judge.ts'

const http = (method: string, url: string, fields: { time?: string; allow?: boolean; rule?: string } = {}) => {
  const { protocol, hostname: host, port, pathname: path } = new URL(url)
  const scheme = protocol.slice(0, -1)
  return recordOf({
    kind: 'http',
    action: method,
    subject: { scheme, host, port: Number(port) || (scheme === 'https' ? 443 : 80), method, path },
    ...fields,
  })
}
const options = { name: 'weather', present: null, owner: 'me', maxSiblings: 10 }

for (const [path, pattern] of [
  ['/v1/items/17', '/v1/items/*'],
  ['/users/0f8fad5b-d9cb-469f-a165-70867728950e/posts', '/users/*/posts'],
  ['/commits/9fceb02d0ae598e95dc970b74767f19372d61af8', '/commits/*'],
  ['/days/2026-01-31/2026-01', '/days/*/*'],
  ['/at/2026-01-31T08%3A00%3A00Z', '/at/*'],
  ['/t/Zm9vYmFyYmF6cXV4MTIz', '/t/*'],
  ['/u/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/u/*'],
  ['/img/17.png', '/img/*.png'],
  ['/invoices/inv_8f31c2d90b', '/invoices/inv_*'],
  ['/v2/a-rather-long-name-of-something', '/v2/a-rather-long-name-of-something'],
  ['/v1/facade/deface/2fa', '/v1/facade/deface/2fa'],
  ['/utf-8/page-2', '/utf-8/page-2'],
  ['/items/', '/items/'],
] as const)
  test(`${path} becomes ${pattern}`, () => assert.equal(generaliseIds(path), pattern))

test('more names than the threshold in one place become *, and what follows them is put together', () => {
  const names = Array.from({ length: 4 }, (_, index) => String.fromCharCode(97 + index))
  const patterns = [...names.map((name) => `/v1/${name}/info`), '/v1/a/secret', '/v1/*/x', '/v2/one']
  const merged = mergeSiblings(patterns, 3)
  assert.deepEqual([...new Set([...merged.values()].map(({ pattern }) => pattern))].sort(), [
    '/v1/*/info',
    '/v1/*/secret',
    '/v1/*/x',
    '/v2/one',
  ])
  assert.deepEqual(merged.get('/v1/a/info'), { pattern: '/v1/*/info', siblings: 4 })
  assert.deepEqual(merged.get('/v2/one'), { pattern: '/v2/one', siblings: 0 })
  assert.equal(mergeSiblings(patterns, 4).get('/v1/a/info')?.pattern, '/v1/a/info')
})

test('hosts that are asked the same are one capability, others are not, and no method is added', async () => {
  const { text } = await suggest(
    [
      http('GET', 'https://a.example.com/v1/items/1', { time: '2026-01-02T00:00:00.000Z' }),
      http('GET', 'https://b.example.com/v1/items/2', { time: '2026-01-01T00:00:00.000Z' }),
      http('POST', 'https://c.example.com/v1/items', { allow: false }),
      http('DELETE', 'https://c.example.com/v1/items', { allow: false, rule: 'rules/deny' }),
    ],
    options,
  )
  assert.match(text, /# Suggested by "sallyport policy suggest weather" from 4 requests \(2 allowed, 2 denied\)/)
  assert.match(
    text,
    / {2}# review: 2 requests \(2 allowed, 0 denied\), 2026-01-01T00:00:00\.000Z to 2026-01-02T00:00:00\.000Z; ids in paths became \*\n {2}- hosts: \[a\.example\.com, b\.example\.com\]/,
  )
  assert.match(text, /2 requests \(0 allowed, 2 denied\), [^\n]*; 1 denied by a rule, which no manifest changes\n/)
  const { network } = integrationOf(text)
  assert.deepEqual(
    network.map(({ hosts, methods, paths }) => [hosts, methods, paths]),
    [
      [['a.example.com', 'b.example.com'], ['GET'], ['/v1/items/*']],
      [['c.example.com'], ['DELETE', 'POST'], ['/v1/items']],
    ],
  )
})

test('a tunnel is blind where nothing inside was seen, and part of what was seen inside otherwise', async () => {
  const connect = (host: string) => recordOf({ kind: 'tunnel', action: 'CONNECT', subject: { host, port: 443 } })
  const { text } = await suggest(
    [connect('blind.example.com'), connect('open.example.com'), http('GET', 'https://open.example.com/a')],
    options,
  )
  assert.deepEqual(
    integrationOf(text).network.map(({ hosts, tls, paths }) => [hosts[0], tls, paths]),
    [
      ['blind.example.com', 'tunnel', null],
      ['open.example.com', 'intercept', ['/a']],
    ],
  )
  assert.match(text, /no request inside was seen/)
  assert.match(text, /review: 2 requests \(2 allowed/)
})

test('what the present manifest says beside capabilities stays, its roots and open address blocks too', async () => {
  const present = `apiVersion: sallyport/v1
kind: Integration
name: weather
owner: team@example.com
labels: { team: maps }
limits: { requests: { rate: 5/s, burst: 5 } }
network: [{ hosts: ["*.corp.example.com"], addresses: [10.0.0.0/8] }]
files: [{ name: data, root: ../data, actions: [read] }]
`
  const file = (root: string) => recordOf({ kind: 'file', action: 'write', subject: { root, path: 'a/b.txt' } })
  const { text } = await suggest([http('GET', 'https://x.corp.example.com/'), file('data'), file('other')], {
    ...options,
    present: { integration: integrationOf(present), text: present },
  })
  const { owner, labels, limits, network, files } = integrationOf(text)
  assert.deepEqual([owner, labels, limits.requests], ['team@example.com', { team: 'maps' }, { rate: 5, burst: 5 }])
  assert.deepEqual(network[0]?.addresses, ['10.0.0.0/8'])
  assert.deepEqual(
    files.map(({ name, root, actions, paths }) => [name, root, actions, paths]),
    [
      ['data', '/data', ['write'], ['a/b.txt']],
      ['other', '/nonexistent', ['write'], ['a/b.txt']],
    ],
  )
  assert.match(text, /no manifest says which folder this is: set root/)
})

test('what was cut in the log is counted, not guessed', async () => {
  const { text } = await suggest(
    [
      http('GET', 'https://a.example.com/a'),
      recordOf({
        kind: 'http',
        action: 'GET',
        subject: { scheme: 'https', host: 'a.example.com', port: 443, path: `/${'x'.repeat(4096)}…[cut]` },
      }),
    ],
    options,
  )
  assert.match(text, /# Not covered: 1 request: their path was cut in the log\.\n/)
  assert.equal(integrationOf(text).network.length, 1)
})

for (const [general, specific, covered] of [
  ['/v1/**', '/v1/a/b', true],
  ['/v1/**', '/v1', false],
  ['/v1/*', '/v1/a', true],
  ['/v1/*', '/v1/a/b', false],
  ['/v1/*', '/v1/**', false],
  ['/v1/**', '/v1/*/x', true],
  ['/v1/*/x', '/v1/**', false],
  ['*.json', 'a.json', true],
  ['*.json', '*', false],
  ['/a*b*c', '/aXbYc', true],
] as const)
  test(`${general} ${covered ? 'covers' : 'does not cover'} ${specific}`, () => assert.equal(globCovers(general, specific), covered))

for (const [general, specific, covered] of [
  ['/v1/*', '/v1/a%2Fb', false],
  ['/v1/**', '/v1/a%2Fb', true],
  ['/@*%2F*', '/@a%2Fb', true],
  ['/@*%2F*', '/@a/b', false],
  ['/*/b', '/a%2Fb', false],
  ['/a/*/b', '/a//b', false],
  ['/a/**', '/a//b', true],
  ['/a//*', '/a//b', true],
  ['/a//*', '/a///b', false],
] as const)
  test(`of paths, ${general} ${covered ? 'covers' : 'does not cover'} ${specific}`, () =>
    assert.equal(pathCovers(general, specific), covered))

test('what a record shows of encoded slashes and empty segments is chosen, and written into the patterns', async () => {
  const { text } = await suggest(
    ['/@types%2Fnode', '/@types%2Freact', '/a/17%2F18', '/keys//a', '/plain'].map((path) => http('GET', `https://a.example.com${path}`)),
    options,
  )
  const [capability] = integrationOf(text).network
  assert.deepEqual(capability?.paths, ['/@types%2Fnode', '/@types%2Freact', '/a/*%2F*', '/keys//a', '/plain'])
  assert.equal(capability?.encodedSlash, 'literal')
  assert.equal(capability?.emptySegments, 'literal')
})
