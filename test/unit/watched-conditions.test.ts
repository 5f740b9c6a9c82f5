/** What of the gateway itself watching is told, and how often. */
import assert from 'node:assert/strict'
import type { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { BucketReport } from '../../src/core/index.ts'
import { type ConditionSources, createConditions } from '../../src/gateway/watched-conditions.ts'

const start = Date.UTC(2026, 10, 28)
const day = 24 * 3_600_000
const jwt = (exp: number) =>
  ['{"alg":"none"}', JSON.stringify({ exp: exp / 1000 }), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')

function arrange(changes: Partial<ConditionSources> = {}) {
  const clock = { at: start }
  const state = { level: 100, room: 'enough' as ReturnType<ConditionSources['room']>, differences: 0, lagSeconds: 0 }
  const bucket = (name: BucketReport['bucket'], refillPerSecond: number): BucketReport => ({
    ...{ bucket: name, capacity: 100, refillPerSecond, level: state.level, consumed: 0, allowed: 0, limited: 0 },
  })
  const conditions = createConditions(
    {
      config: { admin: { tcp: null }, services: [] } as unknown as ConditionSources['config'],
      names: () => ['weather'],
      limits: {
        isUsed: () => true,
        // A quota of an hour, and a bound of speed.
        report: () => [bucket('requests', 100 / 3600), bucket('bytesOut', 100)],
        breakers: () => [],
      },
      room: () => state.room,
      audit: () => ({ broken: false, stalled: false }),
      sinks: () => [{ name: 'file', problem: null, lagSeconds: state.lagSeconds, lagRecords: 1 }] as never,
      differences: () => state.differences,
      authority: async () => ({ certificate: { validTo: new Date(start + 400 * day).toUTCString() } as X509Certificate }),
      ...changes,
    },
    () => clock.at,
  )
  const after = async (ms: number) => {
    clock.at += ms
    return (await conditions.look()).map(({ type, integration, facts }) => ({ type, integration, ...facts }))
  }
  const holding = () => conditions.holding().map(({ type }) => type)
  return { state, after, holding }
}

test('a quota that is nearly used is told once a minute while it is', async () => {
  const { state, after } = arrange()
  assert.deepEqual(await after(0), [])
  state.level = 15
  const told = {
    type: 'quota',
    integration: 'weather',
    name: 'The quota requests',
    bucket: 'requests',
    used: 85,
    limit: 100,
    refillMs: 3_060_000,
  }
  assert.deepEqual(await after(1000), [told])
  assert.deepEqual(await after(1000), [])
  assert.deepEqual(await after(60_000), [told])
  state.level = 90
  assert.deepEqual(await after(1000), [])
})

test('a clock that is set back keeps nothing from being told', async () => {
  const { state, after } = arrange()
  state.room = 'low'
  assert.deepEqual(await after(0), [
    { type: 'disk', integration: null, title: 'The disk of the audit log is nearly full', detail: 'Once it is full, new work is refused.' },
  ])
  assert.deepEqual(await after(-30 * day), [
    { type: 'disk', integration: null, title: 'The disk of the audit log is nearly full', detail: 'Once it is full, new work is refused.' },
  ])
})

test('what holds is known until it is over, whenever it was told last', async () => {
  const { state, after, holding } = arrange()
  state.room = 'full'
  await after(0)
  await after(1000)
  assert.deepEqual(holding(), ['disk'])
  state.room = 'enough'
  await after(1000)
  assert.deepEqual(holding(), [])
})

test('a sink that is behind and each difference of the reference are told', async () => {
  const { state, after } = arrange()
  state.lagSeconds = 90
  state.differences = 2
  assert.deepEqual(await after(0), [
    {
      ...{ type: 'sink', integration: null, title: 'The sink file of the audit log is behind', detail: 'Its oldest record is 90 s old.' },
      ...{ sink: 'file', value: 90, lagRecords: 1 },
    },
    { type: 'reference', integration: null, count: 2 },
  ])
  assert.deepEqual(await after(1000), [])
})

test('certificates and tokens are told 30 days before they end', async () => {
  const services = [{ name: 'model', headers: [{ name: 'authorization', value: `Bearer ${jwt(start + 10 * day)}` }] }]
  const { after } = arrange({
    config: { admin: { tcp: null }, services } as unknown as ConditionSources['config'],
    authority: async () => ({ certificate: { validTo: new Date(start + 29 * day).toUTCString() } as X509Certificate }),
  })
  assert.deepEqual(await after(0), [
    {
      ...{ type: 'certificate', integration: null, name: 'The CA' },
      ...{ expiresAt: start + 29 * day, detail: 'It ends at 2026-12-27T00:00:00.000Z.' },
    },
    {
      ...{ type: 'token', integration: null, name: 'The token of the service model (authorization)' },
      ...{ expiresAt: start + 10 * day, detail: 'It ends at 2026-12-08T00:00:00.000Z.' },
    },
  ])
})
