/** What the observer counts, and in which slice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessRequest, Decision, Integration, WatchedEnd } from '../../src/core/index.ts'
import { createObserver, type Slice } from '../../src/watch/index.ts'

const allowed = { allow: true } as Decision
const denied = { allow: false } as Decision
const ended: WatchedEnd = { status: 200, problem: null, durationMs: 5, isTakeover: false }

function requestTo(host: string, { integration = 'weather', path = '/', id = 'id', at = 1000 } = {}): AccessRequest {
  return { kind: 'http', id, at, integration: { name: integration, owner: 'team' }, target: { host, port: 443, path } } as AccessRequest
}

function arrange() {
  const clock = { wall: 1000, monotonic: 0 }
  const uses: number[] = []
  const observer = createObserver({ onFirstUse: () => uses.push(clock.wall), now: () => clock.wall, monotonic: () => clock.monotonic })
  const ask = (request: AccessRequest, decision = allowed) => observer.decided(request, decision)
  const settle = (watched: ReturnType<typeof ask>, outcome = ended) => observer.settled(watched, null, 'id', clock.wall, outcome)
  const settleRefused = (problem: WatchedEnd['problem'], integration: string | null) =>
    observer.settled(null, integration === null ? null : ({ name: integration, owner: 'team' } as Integration), 'id', 1000, {
      ...ended,
      problem,
    })
  const slices = () => [...observer.cut()]
  const flows = () => slices().flatMap((slice: Slice) => slice.flows)
  return { clock, uses, ask, settle, settleRefused, slices, flows }
}

test('bytes of an open request are counted in the slice in which they pass', () => {
  const { ask, settle, flows } = arrange()
  const watched = ask(requestTo('a.example'))
  watched.sentBytes += 10
  assert.deepEqual(
    flows().map(({ requests, sentBytes }) => [requests, sentBytes]),
    [[1, 10]],
  )
  watched.sentBytes += 7
  watched.receivedBytes += 1
  assert.deepEqual(
    flows().map(({ requests, sentBytes, receivedBytes }) => [requests, sentBytes, receivedBytes]),
    [[0, 7, 1]],
  )
  assert.deepEqual(flows(), [])
  settle(watched)
  assert.deepEqual(
    flows().map(({ requests, durationMs }) => [requests, durationMs]),
    [[0, { count: 1, sum: 5, max: 5 }]],
  )
})

test('the first use of a destination is told at once, and once; a denial is no use', () => {
  const { ask, uses, flows } = arrange()
  ask(requestTo('a.example'), denied)
  assert.equal(uses.length, 0)
  ask(requestTo('b.example'))
  ask(requestTo('b.example'))
  assert.equal(uses.length, 1)
  assert.deepEqual(
    flows().map(({ destination, isFirstUse }) => [destination, isFirstUse]),
    [
      ['a.example:443', false],
      ['b.example:443', true],
    ],
  )
  ask(requestTo('b.example'))
  assert.deepEqual(
    flows().map(({ isFirstUse }) => isFirstUse),
    [false],
  )
})

test('what ended before a decision has no destination, and callers without proof no name', () => {
  const { settleRefused, flows } = arrange()
  settleRefused('arrivals-exceeded', 'weather')
  settleRefused('unidentified', null)
  assert.deepEqual(
    flows().map(({ integration, owner, destination, requests, limited, isFirstUse }) => [
      integration,
      owner,
      destination,
      requests,
      limited,
      isFirstUse,
    ]),
    [
      ['weather', 'team', '(none)', 1, 1, false],
      ['-', null, '(none)', 1, 0, false],
    ],
  )
})

test('a request counts by how it ended', () => {
  const { ask, settle, flows } = arrange()
  settle(ask(requestTo('a.example')), { ...ended, status: 503 })
  settle(ask(requestTo('a.example'), denied), { ...ended, status: 403, problem: 'policy-denied' })
  settle(ask(requestTo('a.example')), { ...ended, status: 429, problem: 'quota-exceeded' })
  settle(ask(requestTo('a.example')), { ...ended, status: 502, problem: 'origin-unreachable' })
  settle(ask(requestTo('a.example')), { ...ended, isTakeover: true, durationMs: 90_000 })
  const [flow] = flows()
  assert.deepEqual([flow?.requests, flow?.originErrors, flow?.denied, flow?.limited, flow?.failed], [5, 1, 1, 1, 1])
  assert.deepEqual(flow?.durationMs, { count: 1, sum: 5, max: 5 })
})

test('what is inside an intercepted tunnel is counted, and not the tunnel too', () => {
  const { ask, flows } = arrange()
  const tunnel = { ...requestTo('a.example'), kind: 'tunnel' } as AccessRequest
  ask(tunnel, { allow: true, obligations: { tls: 'intercept' } } as Decision)
  ask(requestTo('a.example'))
  assert.deepEqual(
    flows().map(({ requests }) => requests),
    [1],
  )
})

test('an integration has 256 destinations in a slice, the others among them, and denials leave half of them', () => {
  const { ask, flows } = arrange()
  Array.from({ length: 1000 }, (_, index) => ask(requestTo(`denied-${index}.example`), denied))
  Array.from({ length: 1000 }, (_, index) => ask(requestTo(`q7f${index}zk4.example`)))
  const counted = flows()
  const [others] = counted.filter(({ destination }) => destination === '(others)')
  assert.equal(counted.length, 256)
  assert.equal(counted.filter(({ denied: none, isFirstUse }) => none === 0 && isFirstUse).length, 127)
  assert.equal(
    counted.reduce((sum, { requests }) => sum + requests, 0),
    2000,
  )
  assert.ok((others?.labelEntropy ?? 0) > 2.5)
})

test('10,000 integrations with 20 destinations each are counted in bounded memory, and none is left out', () => {
  const { ask, settle, slices } = arrange()
  Array.from({ length: 10_000 }, (_, integration) =>
    Array.from({ length: 20 }, (__, host) => settle(ask(requestTo(`${host}.example`, { integration: `integration-${integration}` })))),
  )
  const parts = slices()
  const flows = parts.flatMap((slice) => slice.flows)
  assert.ok(flows.length <= 30_000, `${flows.length}`)
  assert.equal(
    flows.reduce((sum, { requests }) => sum + requests, 0),
    200_000,
  )
  assert.ok(Math.max(...parts.map((slice) => slice.flows.length)) <= 757)
  assert.equal(new Set(parts.flatMap((slice) => [...new Set(slice.flows.map(({ integration }) => integration))])).size, 10_000)
})

test('names and paths of 64 KiB cost no more than short ones, and lists are bounded', () => {
  const { ask, flows } = arrange()
  const long = 'x'.repeat(65_536)
  Array.from({ length: 100 }, (_, index) => ask(requestTo('a.example', { path: `/${index}${long}`, id: `id-${index}`, at: index })))
  ask(requestTo(`${long}.example`))
  const [flow, other] = flows()
  assert.deepEqual([flow?.pathHashes.length, flow?.startedAt.length, flow?.ids], [32, 16, ['id-0', 'id-1', 'id-2']])
  assert.equal(other?.labelEntropy, 0)
})

test('a slice is as long as it was, where the clock was set meanwhile', () => {
  const { clock, ask, slices } = arrange()
  ask(requestTo('a.example'))
  clock.wall -= 3_600_000
  clock.monotonic += 1000
  const [slice] = slices()
  assert.deepEqual([slice?.from, slice?.to], [1000 - 3_601_000, 1000 - 3_600_000])
})

test('destinations that are not asked any more are given up', () => {
  const { ask, settle, uses, slices } = arrange()
  const open = ask(requestTo('open.example'))
  settle(ask(requestTo('a.example')))
  Array.from({ length: 20 }, () => slices())
  open.receivedBytes += 1
  assert.deepEqual(
    slices().flatMap(({ flows }) => flows.map(({ destination }) => destination)),
    ['open.example:443'],
  )
  ask(requestTo('a.example'))
  assert.equal(uses.length, 2)
})
