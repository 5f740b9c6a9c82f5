/** What an index answers, against a plain reading of the same log: for any log, any filter, and wherever reading was left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pathCovers } from '../../src/canonical/index.ts'
import type { Filter } from '../../src/query/index.ts'
import { pathMatcher } from '../../src/query/path-match.ts'
import { eachCase } from '../support/cases.ts'
import { allEntries, modelOf } from '../support/log-model.ts'
import { createWrittenLog, decided, type Facts, indexOf, settled } from '../support/written-log.ts'

const id = fc.constantFrom('r.1', 'r.2', 'r.3', 'R.1', 'r.4')
const host = fc.constantFrom('api.example.com', 'example.com', 'deep.api.example.com', '10.0.0.1', 'example.org')
const path = fc.constantFrom('/', '/v1/a', '/v1/a/b', '/v1//b', '/v1/a%2Fb', '/v2/Ünïcode/x', '/v1/users/7/orders')
const integration = fc.constantFrom('weather', 'mail')
const status = fc.constantFrom(200, 301, 403, 404, 503)

const facts: fc.Arbitrary<Facts | string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ id, host, path, integration, allow: fc.boolean(), parent: fc.option(id, { nil: undefined }) }).map(asked),
  },
  {
    weight: 6,
    arbitrary: fc.record({ id, status, problem: fc.constantFrom(undefined, 'rate-limited') }).map((given) => settled(given.id, given)),
  },
  fc
    .record({ id, code: fc.constantFrom('proxy-auth', 'too-many') })
    .map((given) => ({ type: 'refused', integration: null, detail: 'No such token', ...given })),
  fc
    .record({ count: fc.integer({ min: 1, max: 50 }), who: fc.constantFrom('weather', 'peer 10.0.0.7') })
    .map((given) => ({ type: 'summed', code: 'flood', ...given })),
  fc.constantFrom({ type: 'started', version: '1' }, { type: 'breaker', integration: 'mail', state: 'open' }, '{"torn', 'null', {
    type: 'activated',
    time: '1999',
  }),
)

function asked({ host, path, ...given }: { id: string; host: string; path: string }): Facts {
  return decided(given.id, { ...given, subject: { method: 'GET', scheme: 'https', host, port: 443, path } })
}

const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 2 })
/** Logs of several days. */
const stepMs = 2 * 3_600_000
const time = fc.integer({ min: 0, max: 100 }).map((step) => Date.UTC(2026, 10, 28) + step * stepMs)
const filter: fc.Arbitrary<Filter> = fc
  .record({
    since: time,
    until: time,
    integration: some(fc.constantFrom('weather', 'mail', 'none')),
    decision: some(fc.constantFrom('allow' as const, 'deny' as const, 'refused' as const)),
    host: some(fc.oneof(host, fc.constantFrom('*.example.com', '*.api.example.com', '*', 'API.Example.com'))),
    path: some(fc.oneof(path, fc.constantFrom('/v1/*', '/**', '/*/a/*', '**/orders', '/v1/**/b', '/v1/a*', '*'))),
    status: some(fc.constantFrom('200', '4xx', '503', '999')),
    problem: some(fc.constantFrom('rate-limited', 'flood')),
    type: some(fc.constantFrom('decided', 'refused', 'unreadable', 'breaker')),
    id: some(id),
    parent: some(id),
    text: some(fc.constantFrom('example', 'V1 a', 'no such', 'such*', 'unicode', '10.0.0.1', 'torn')),
  })
  .chain((filter) => fc.subarray(Object.entries(filter), { maxLength: 3 }).map((given) => Object.fromEntries(given)))

test('an index answers every filter as a plain reading of the log does, wherever its reading was interrupted and whatever was removed', async (t) => {
  const logs = fc.array(facts, { minLength: 10, maxLength: 80, size: 'max' })
  const filters = fc.array(filter, { minLength: 20, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(logs, logs, filters, fc.nat(100), fc.boolean(), async (before, after, filters, removed, oldestFirst) => {
      const log = createWrittenLog(stepMs)
      log.write(...before)
      const index = indexOf(t, log)
      await index.catchUp()
      log.write(...after)
      const written = [...log.records]
      const answersAsReading = async (first: number) => {
        await index.catchUp()
        const model = modelOf(written, first)
        await eachCase(filters, async (filter) => {
          assert.deepEqual(await allEntries(index, filter, oldestFirst), model.entries(filter, oldestFirst))
          await eachCase(['host', 'day', 'type'] as const, async (by) =>
            assert.deepEqual(await index.sums(filter, by), model.sums(filter, by)),
          )
        })
      }
      await answersAsReading(0)
      log.records.splice(0, Math.min(removed, written.length - 1))
      await answersAsReading(log.records[0]?.index ?? 0)
      index.close()
    }),
    { numRuns: 12 },
  )
})

test('path patterns match what they match in manifests', () => {
  const piece = fc.constantFrom('a', 'b', 'ab', '/', '//', '%2F', '*', '**', 'a*')
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`)
  fc.assert(
    fc.property(
      text,
      text.map((path) => path.replaceAll('*', '')),
      (pattern, path) => {
        assert.equal(pathMatcher(pattern)(path), pathCovers(pattern, path))
      },
    ),
    { numRuns: 5000 },
  )
})
