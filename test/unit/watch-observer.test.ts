/** What the observer counts, and in which slice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessRequest, Decision, WatchedEnd } from '../../src/core/index.ts'
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
  const slices = () => [...observer.cut()]
  const flows = () => slices().flatMap((slice: Slice) => slice.flows)
  return { clock, uses, observer, ask, settle, slices, flows }
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
