/** What integrations share in memory: one of them at its worst takes nothing from another. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Integration, Reply } from '../../src/core/index.ts'
import { createBreakers } from '../../src/limits/breakers.ts'
import { createPeers, peerOf } from '../../src/limits/peers.ts'
import { createPools } from '../../src/resources/http/pools.ts'
import { createFairCache, createFairMemory, createFairQueue, createPace } from '../../src/shares/index.ts'
import { createCaller } from '../support/caller.ts'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

test('a full cache drops the least recently used entry of the owner that holds most, and reports it', () => {
  const gone: string[] = []
  const cache = createFairCache<{ of: string }>(4, ({ of }) => void gone.push(of))
  eachCase(['1', '2', '3', '4'], (key) => {
    cache.set('greedy', key, { of: `greedy ${key}` })
  })
  assert.equal(cache.get('greedy', '1')?.of, 'greedy 1')
  cache.set('weather', '1', { of: 'weather 1' })
  cache.set('weather', '2', { of: 'weather 2' })
  times(100 - 5, (round) => {
    const i = round + 5
    cache.set('greedy', String(i), { of: `greedy ${i}` })
  })
  assert.deepEqual(gone.slice(0, 2), ['greedy 2', 'greedy 3'])
  assert.ok(gone.every((item) => item.startsWith('greedy')))
  assert.deepEqual([cache.get('weather', '1')?.of, cache.get('weather', '2')?.of], ['weather 1', 'weather 2'])
  assert.equal(cache.values().length, 4)
})

test('after any puts, deletions and drops a cache holds no more than its bound, and takes from the owner that holds most', () => {
  const owner = fc.constantFrom('a', 'b', 'c', 'd')
  const key = fc.constantFrom(...'0123456789')
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('set' as const), owner, key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), owner, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), owner, key }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const held = new Map(['a', 'b', 'c', 'd'].map((name) => [name, new Set<string>()]))
      const of = (name: string) => held.get(name) as Set<string>
      const total = () => [...held.values()].reduce((sum, { size }) => sum + size, 0)
      let isFull = false
      const cache = createFairCache<{ owner: string; key: string }>(8, (gone) => {
        if (isFull) assert.equal(of(gone.owner).size, Math.max(...[...held.values()].map(({ size }) => size)))
        of(gone.owner).delete(gone.key)
      })
      for (const { do: what, owner: name, key: step } of steps) {
        isFull = what === 'set' && total() === 8 && !of(name).has(step)
        if (what === 'set') cache.set(name, step, { owner: name, key: step })
        else if (what === 'delete') cache.delete(name, step)
        else cache.forget(name)
        if (what === 'set') of(name).add(step)
        for (const [other, keys] of held) assert.deepEqual([...cache.of(other)].map(([key]) => key).toSorted(), [...keys].toSorted())
        assert.ok(total() <= 8)
      }
    }),
  )
})

test('a cache that one owner left has room for all of another', () => {
  const cache = createFairCache<{ key: string }>(4)
  eachCase(['1', '2', '3', '4'], (key) => {
    cache.set('gone', key, { key })
  })
  cache.forget('gone')
  eachCase(['1', '2', '3', '4'], (key) => {
    cache.set('weather', key, { key })
  })
  cache.set('weather', '4', { key: 'again' })
  cache.delete('weather', '1')
  cache.delete('weather', '1')
  cache.set('weather', '5', { key: '5' })
  assert.deepEqual(Array.from(cache.of('weather'), ([key]) => key).sort(), ['2', '3', '4', '5'])
})

test('an open breaker stays open, however many origins another integration asks', async () => {
  const breakers = createBreakers(
    () => 0,
    () => {},
  )
  const ask = (who: Integration, origin: string, status: number) =>
    breakers.run({ breaker: null, pass: null, breakerState: null }, who, origin, () => reply(status))
  const integration = (name: string) =>
    ({ name, breaker: { errorThresholdPercent: 50, minimumRequests: 2, windowMs: 10_000, resetMs: 1000 } }) as Integration
  const reply = (status: number): Reply => ({ status, headers: [], body: null })
  await times(2, () => ask(integration('weather'), 'http://a:80', 503))
  await times(1100, (i) => ask(integration('greedy'), `http://${i}:80`, 200))
  assert.deepEqual(breakers.report('weather'), [{ origin: 'http://a:80', state: 'open' }])
})

test('a pool of connections stays, however many origins another integration asks', async () => {
  const never = () => new Promise<never>(() => {})
  const pools = createPools({ dialer: { tcp: never, tls: never }, idleTimeoutMs: 1000, connections: 1 })
  const own = pools.get('weather', 'http://a:80', 'a', 80, [])
  times(1100, (i) => {
    pools.get('greedy', `http://${i}:80`, String(i), 80, [])
  })
  assert.equal(pools.get('weather', 'http://a:80', 'a', 80, []), own)
  assert.notEqual(pools.get('other', 'http://a:80', 'a', 80, []), own)
  await pools.close()
})

test('a pool that gives way closes what is idle, and what has begun goes on to its end', async (t) => {
  const origin = await startOrigin(t, { answer: (req, res) => void req.resume().on('end', () => res.end('done')) })
  const tcp = () =>
    new Promise<Socket>((resolve) => {
      const socket = connect(origin.port, '127.0.0.1', () => resolve(socket))
    })
  const pools = createPools({ dialer: { tcp, tls: tcp }, idleTimeoutMs: 60_000, connections: 4 })
  t.after(() => pools.close())
  const get = () => pools.get('weather', 'http://a:80', 'a', 80, [])
  const post = (agent: Agent) => request({ agent, host: 'a', method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  const statusOf = async (sent: ClientRequest) => {
    const [res] = (await once(sent, 'response')) as [IncomingMessage]
    await once(res.resume(), 'close')
    return res.statusCode
  }
  const { agent } = get()
  const first = post(agent)
  first.end('whole')
  assert.equal(await statusOf(first), 200)
  await eventually('its connection is idle', () => get().idle() === 1)
  const other = post(agent)
  const pending = post(agent)
  eachCase([other, pending], (item) => {
    item.write('begun')
  })
  await Promise.all([once(other, 'socket'), once(pending, 'socket')])
  other.end()
  assert.equal(await statusOf(other), 200)
  await eventually('one is idle, the other is not', () => get().idle() === 1)
  assert.equal(pools.giveUpIdle('greedy'), 0)
  assert.equal(pools.giveUpIdle('weather'), 1)
  assert.notEqual(get().agent, agent)
  assert.equal(pools.giveUpIdle('weather'), 0)
  pending.end('and ended')
  assert.equal(await statusOf(pending), 200)
  await eventually('nothing is kept', () => Object.keys(agent.freeSockets).length + Object.keys(agent.sockets).length === 0)
})

test('a crowd of addresses gets no new bucket for each, and leaves a known peer its own', () => {
  let now = 0
  const arrive = createPeers({ rate: 1, burst: 2 }, () => now, 3)
  eachCase(['10.0.0.1', '10.0.0.2', '10.0.0.3'], (peer) => assert.equal(arrive(peer), 0))
  // The table is full of peers that are in debt: these share one bucket of two tokens.
  assert.deepEqual(
    ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'].map((peer) => arrive(peer) > 0),
    [false, false, true, true],
  )
  assert.equal(arrive('10.0.0.1'), 0)
  assert.ok(arrive('10.0.0.1') > 0)
  now = 10_000
  assert.equal(arrive('10.1.0.4'), 0)
})

test('all addresses of an IPv6 /64 are one peer', () => {
  assert.equal(peerOf('2001:db8:0:1::1'), peerOf('2001:db8::1:ffff:0:0:2'))
  assert.notEqual(peerOf('2001:db8:0:1::1'), peerOf('2001:db8:0:2::1'))
  assert.equal(peerOf('fe80::1%eth0'), peerOf('fe80::2'))
  assert.equal(peerOf('::ffff:10.0.0.1'), '10.0.0.1')
  assert.equal(peerOf('local'), 'local')
})

test('what hangs for one integration leaves a turn for another', async () => {
  const queue = createFairQueue({ places: 3, perOwner: 2 })
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const hanging = [1, 2, 3, 4, 5].map(() => queue.run('greedy', () => released))
  assert.equal(await queue.run('weather', async () => 'done'), 'done')
  release()
  await Promise.all(hanging)
  assert.equal(await queue.run('greedy', async () => 'done'), 'done')
})

test('turns go round: a long queue of one integration is not in front of another', async () => {
  const queue = createFairQueue({ places: 1, perOwner: 1 })
  const done: string[] = []
  const ask = (owner: string) => queue.run(owner, async () => void done.push(owner))
  await Promise.all([ask('greedy'), ask('greedy'), ask('greedy'), ask('greedy'), ask('weather'), ask('other')])
  assert.deepEqual(done, ['greedy', 'greedy', 'weather', 'other', 'greedy', 'greedy'])
})

test('work of a caller that leaves before its turn is refused at once and not begun, and delays no other', async () => {
  const queue = createFairQueue({ places: 1, perOwner: 1 })
  const { promise, resolve: finish } = Promise.withResolvers<void>()
  const running = queue.run('weather', () => promise)
  const { hangup, leave } = createCaller()
  let begun = 0
  const begin = async () => {
    begun += 1
  }
  const left = queue.run('weather', begin, hangup)
  const next = queue.run('weather', begin)
  leave()
  await assert.rejects(left, { code: 'client-closed' })
  assert.equal(begun, 0)
  await assert.rejects(queue.run('weather', begin, hangup), { code: 'client-closed' })
  finish()
  await Promise.all([running, next])
  assert.equal(begun, 1)
  await queue.run('weather', begin, createCaller().hangup)
  assert.equal(begun, 2)
})

test('work that fails gives its turn back', async () => {
  const queue = createFairQueue({ places: 1, perOwner: 1 })
  await assert.rejects(
    queue.run('weather', () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(await queue.run('weather', async () => 1), 1)
})

test('memory is held by one up to half, and each further one finds something free', () => {
  const memory = createFairMemory(64)
  assert.equal(memory.take('greedy', 33), false)
  assert.equal(memory.take('greedy', 30), true)
  assert.equal(memory.take('greedy', 2), true)
  assert.equal(memory.take('greedy', 1), false)
  assert.equal(memory.take('weather', 16), true)
  assert.equal(memory.take('weather', 1), false)
  assert.equal(memory.take('other', 8), true)
  memory.give('greedy', 32)
  assert.equal(memory.take('weather', 8), true)
  memory.give('weather', 24)
  memory.give('other', 8)
  assert.equal(memory.take('greedy', 32), true)
})

test('a pace lets a burst through, then one after the other, and gives no turn that would come too late', () => {
  let now = 0
  const wait = createPace({ perSecond: 10, burst: 2, maxWaitMs: 250, now: () => now })
  const waits = (count: number) => Array.from({ length: count }, () => wait('greedy'))
  assert.deepEqual(waits(7), [0, 0, 100, 200, null, null, null])
  assert.equal(wait('weather'), 0)
  now = 400
  assert.deepEqual(waits(3), [0, 0, 100])
})
