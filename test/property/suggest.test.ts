/** A suggested manifest covers what was recorded, is the smallest that does, and opens nothing else, whatever the log holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { suggest } from '../../src/authoring/index.ts'
import type { DecidedRecord } from '../../src/policy/recorded.ts'
import { createJudge, integrationOf, recordOf } from '../support/judge.ts'
import { methodArbitrary, recordArbitrary, segmentArbitrary } from '../support/recorded-requests.ts'

const runs = Number(process.env['SALLYPORT_RUNS'] ?? 150)

/** Many of one kind, so that siblings are many enough to be merged. */
const records = fc.oneof(
  fc.array(recordArbitrary, { minLength: 1, maxLength: 40 }),
  fc
    .array(fc.tuple(segmentArbitrary, fc.constantFrom('', '/info', '/secret'), methodArbitrary), { minLength: 5, maxLength: 40 })
    .map((all) =>
      all.map(([item, rest, action]) =>
        recordOf({
          kind: 'http',
          action,
          subject: { scheme: 'https', host: 'api.example.com', port: 443, method: action, path: `/v1/${item}${rest}` },
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
    fc.asyncProperty(records, fc.array(recordArbitrary, { minLength: 20, maxLength: 20 }), async (all, others) => {
      const { text } = await suggest(all, options)
      const seen = new Set(all.flatMap(placesOf))
      const unseen = others.filter((other) => !placesOf(other).some((place) => seen.has(place)))
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
  const item = fc.record({ kind, action: fc.oneof(hostile, fc.constant('GET')), subject, time: hostile, rule: hostile })
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 10 }), async (all) => {
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
