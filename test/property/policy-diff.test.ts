/** A difference that diff does not tell of is none: what the engine decides otherwise stands in it, on the right side. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { diffManifests } from '../../src/manifests/index.ts'
import { createJudge, integrationOf } from '../support/judge.ts'
import { recordArbitrary } from '../support/recorded-requests.ts'

const some = <Item>(...items: Item[]) => fc.subarray(items, { minLength: 1 })
const maybe = <Item>(arbitrary: fc.Arbitrary<Item>) => fc.option(arbitrary, { nil: undefined })
const paths = some('/**', '/v1/*', '/items/**', '/*/new', '/v1/items', '/', '*')
/** Patterns that write a form need its choice. */
const forms = fc.record(
  { encodedSlash: fc.constantFrom('literal', 'refuse'), emptySegments: fc.constantFrom('literal', 'refuse') },
  { requiredKeys: [] },
)
/** Few values, so that conditions and requests meet. */
const query = fc.dictionary(fc.constantFrom('q', 'page'), fc.subarray(['a', 'b']), { minKeys: 1 })
const methods = some('GET', 'POST', 'M-SEARCH')
const network = fc
  .record({
    hosts: some('api.example.com', '*.example.com', '*', 'x.test', '10.0.0.1'),
    ports: some(80, 443, 8443),
    tls: fc.constantFrom('none', 'intercept', 'tunnel'),
    methods: maybe(methods),
    paths: maybe(paths),
    query: maybe(query),
    forms,
  })
  .map(({ methods, paths, query, forms, ...item }) => (item.tls === 'tunnel' ? item : { ...item, methods, paths, query, ...forms }))
const service = fc
  .record({
    name: fc.constantFrom('search', 'mail'),
    methods: maybe(methods),
    paths: maybe(paths),
    query: maybe(query),
    websocket: fc.boolean(),
    forms,
  })
  .map(({ forms, ...item }) => ({ ...item, ...forms }))
const file = fc.record({
  name: fc.constantFrom('data', 'out'),
  root: fc.constant('/srv'),
  actions: some('read', 'write', 'list', 'stat'),
  paths: maybe(some('**', 'items/*', '*.json', 'a.json')),
})
const manifest = fc.record({
  network: fc.array(network, { maxLength: 3 }),
  services: fc.array(service, { maxLength: 2 }),
  files: fc.array(file, { maxLength: 2 }),
})
/** Now and then one capability is another, which is what changes mostly are. */
const change = fc.oneof(
  fc.tuple(manifest, manifest),
  fc.tuple(manifest, network).map(([before, item]) => [before, { ...before, network: [item, ...before.network.slice(1)] }] as const),
)

const decode = (value: object) =>
  integrationOf(JSON.stringify({ apiVersion: 'sallyport/v1', kind: 'Integration', name: 'weather', owner: 'me', ...value }))

test('whatever is newly allowed or no longer allowed is told', async (t) => {
  const judge = createJudge(t)
  await fc.assert(
    fc.asyncProperty(change, fc.array(recordArbitrary, { minLength: 30, maxLength: 30 }), async ([was, is], records) => {
      const [before, after] = [decode(was), decode(is)]
      const told = diffManifests([before], [after]).flatMap(({ capabilities }) => capabilities)
      const [then, now] = [await judge([before], records), await judge([after], records)]
      const more = told.some(({ newlyAllowed, changed, coveredBy }) => coveredBy === null && newlyAllowed.length + changed.length > 0)
      const less = told.some(({ noLongerAllowed, changed, coveredBy }) => coveredBy === null && noLongerAllowed.length + changed.length > 0)
      for (const [index, record] of records.entries()) {
        if (!then[index] && now[index]) assert.ok(more, `newly allowed and not told: ${JSON.stringify(record)}`)
        if (then[index] && !now[index]) assert.ok(less, `no longer allowed and not told: ${JSON.stringify(record)}`)
      }
    }),
    { numRuns: Number(process.env['SALLYPORT_RUNS'] ?? 150) },
  )
})
