/** A suggested manifest covers what was recorded, is the smallest that does, and opens nothing else, whatever the log holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DecidedRecord } from '../../src/policy/author/recorded.ts'
import { suggest } from '../../src/policy/author/suggest/index.ts'
import { createJudge, integrationOf, recordOf } from '../support/judge.ts'

const runs = Number(process.env['SALLYPORT_RUNS'] ?? 150)

const word = fc.constantFrom('items', 'users', 'new', 'v1', 'a.json', 'index.html', 'export', 'search')
const id = fc.oneof(
  fc.nat().map(String),
  fc.uuid(),
  fc.constantFrom('2026-01-31', 'deadbeef01', 'inv_8f31c2d90b', '17.png', 'Zm9vYmFyYmF6cXV4MTIz', '01ARZ3NDEKTSV4RRFFQ69G5FAV'),
)
/** What a canonical path can hold and YAML, globs or reviewers stumble over. */
const odd = fc.constantFrom(
  '*',
  '**',
  '***',
  '{a}',
  '[1].json',
  "'",
  '"',
  '%22',
  '%20',
  'null',
  '~',
  '-',
  '&a',
  '!!str',
  'a:b',
  '@x',
  '|',
  '`',
  '%E2%82%AC',
)
const segment = fc.oneof(
  { weight: 5, arbitrary: word },
  { weight: 4, arbitrary: id },
  { weight: 1, arbitrary: odd },
  fc.constantFrom('x', 'y'),
)
const path = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(([all, slash]) => `/${all.join('/')}${slash && all.length > 0 ? '/' : ''}`)
const fileOdd = fc.constantFrom('a b', '# x', 'é', ': ', 'key: [', '\u202e', '\u2028x', '{}', '?', '-')
const filePath = fc.array(fc.oneof(word, id, fileOdd), { maxLength: 3 }).map((all) => all.join('/'))
const host = fc.constantFrom('api.example.com', 'b.example.com', 'x.test', '10.0.0.1', 'fd00::1')
const method = fc.constantFrom('GET', 'POST', 'M-SEARCH')
const port = fc.constantFrom(80, 443, 8443)

const asked = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('http' as const),
      action: method,
      scheme: fc.constantFrom('http', 'https'),
      host,
      port,
      path,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tunnel' as const), action: fc.constant('CONNECT'), host, port }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('service' as const),
      action: method,
      name: fc.constantFrom('search', 'mail'),
      path,
      websocket: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('file' as const),
      action: fc.constantFrom('read', 'write', 'list', 'stat'),
      root: fc.constantFrom('data', 'out'),
      path: filePath,
    }),
  },
)
const record = fc.tuple(asked, fc.boolean()).map(([{ kind, action, ...subject }, allow]) => {
  const methods = kind === 'http' || kind === 'service' ? { method: action } : {}
  return recordOf({ kind, action, allow, subject: { ...subject, ...methods } })
})
/** Many of one kind, so that siblings are many enough to be merged. */
const records = fc.oneof(
  fc.array(record, { minLength: 1, maxLength: 40 }),
  fc.array(fc.tuple(segment, fc.constantFrom('', '/info', '/secret'), method), { minLength: 5, maxLength: 40 }).map((all) =>
    all.map(([one, rest, action]) =>
      recordOf({
        kind: 'http',
        action,
        subject: { scheme: 'https', host: 'api.example.com', port: 443, method: action, path: `/v1/${one}${rest}` },
      }),
    ),
  ),
)

const options = { name: 'weather', present: null, owner: 'me', maxSiblings: 4 }

test('every recorded request is allowed, and without any one capability some is denied', async (t) => {
  const judge = createJudge(t)
  await fc.assert(
    fc.asyncProperty(records, async (all) => {
      const { text, left } = await suggest(all, options)
      assert.equal(left.size, 0, text)
      const whole = integrationOf(text)
      assert.deepEqual((await judge([whole], all)).indexOf(false), -1, text)
      for (const kind of ['network', 'services', 'files'] as const)
        for (const index of whole[kind].keys()) {
          const without = { ...whole, [kind]: whole[kind].toSpliced(index, 1) }
          assert.ok((await judge([without], all)).includes(false), `${kind}/${index} is not needed:\n${text}\n${JSON.stringify(all)}`)
        }
    }),
    { numRuns: runs },
  )
})

test('nothing is allowed on a host, port, method, service, root or action that was not seen', async (t) => {
  const judge = createJudge(t)
  await fc.assert(
    fc.asyncProperty(records, fc.array(record, { minLength: 20, maxLength: 20 }), async (all, others) => {
      const { text } = await suggest(all, options)
      const seen = new Set(all.flatMap(placesOf))
      const unseen = others.filter((one) => !placesOf(one).some((place) => seen.has(place)))
      assert.ok(!(await judge([integrationOf(text)], unseen)).includes(true), text)
    }),
    { numRuns: runs },
  )
})

/** An intercepted host opens its tunnel; apart from that each place stands for itself. */
function placesOf({ kind, action, subject }: DecidedRecord): readonly string[] {
  const { scheme, host, port, name, root } = subject
  if (kind === 'tunnel') return [`${host} ${port}`]
  if (kind === 'http') return [`${scheme} ${host} ${port} ${action}`, ...(action === 'CONNECT' ? [] : [`${host} ${port}`])]
  return [`${kind} ${name ?? root} ${action}`]
}

test('whatever a log holds gives YAML of the schema, and no key of its own', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      'a\nnetwork: [{hosts: ["*"]}]',
      '\u2028files: []',
      '"]\n- hosts: ["*"]',
      '*',
      '*.com',
      `${'/x'.repeat(3000)}…[cut]`,
      '__proto__',
      '…[cut]',
      '/[redacted]/x',
    ),
  )
  const value = fc.oneof(hostile, fc.jsonValue())
  const kind = fc.constantFrom('http', 'tunnel', 'service', 'file', 'secret') as fc.Arbitrary<'http'>
  const subject = fc.record({
    scheme: fc.oneof(value, fc.constant('https')),
    host: value,
    port: value,
    path: value,
    root: value,
    name: value,
    websocket: value,
  })
  const one = fc.record({ kind, action: fc.oneof(hostile, fc.constant('GET')), subject, time: hostile, rule: hostile })
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 10 }), async (all) => {
      const { text } = await suggest(
        all.map((fields) => recordOf(fields as Parameters<typeof recordOf>[0])),
        options,
      )
      const { owner, network, services, files } = integrationOf(text)
      assert.equal(owner, 'me')
      assert.ok(network.length + services.length + files.length <= all.length)
      assert.ok(!network.some(({ hosts }) => hosts.some((name) => name.includes('*'))), text)
      // Comments are words and numbers: nothing of the log gets into one but a time that looks like one.
      for (const line of text.split('\n').filter((line) => line.includes('#'))) assert.match(line, /^[\x20-\x7e]*$/)
    }),
    { numRuns: runs * 4 },
  )
})
