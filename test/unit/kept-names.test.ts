/** Answers of name servers are used again for as long as they say, within bounds, and no longer than is stated where no server answers. */
import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { type TestContext, test } from 'node:test'
import { Refusal } from '../../src/core/index.ts'
import { createAddressRule } from '../../src/egress/addresses.ts'
import { createKeptNames, type KeptNamesSettings } from '../../src/egress/kept-names.ts'
import type { NameAnswer } from '../../src/egress/name-server.ts'
import { createResolveName, resolveJudged } from '../../src/egress/resolve.ts'
import { eachCase, times } from '../support/cases.ts'
import { startNameServer } from '../support/resolver.ts'

const never = new AbortController().signal
const v4 = (address: string): LookupAddress => ({ address, family: 4 })
const seconds = (count: number) => count * 1000
const whole = (ttl: number, ...addresses: string[]): NameAnswer => ({ addresses: addresses.map(v4), ttlMs: seconds(ttl), isWhole: true })
const failing = (code: string) => Object.assign(new Error(code), { code })
const defaults = { minTtlMs: 5000, maxTtlMs: 300_000, negativeTtlMs: 5000, staleMs: 300_000, maxNames: 100 }

/** What the name server says next, how often it was asked, and the clock. */
function arrange(settings: Partial<KeptNamesSettings> = {}) {
  const state = { now: 0, asked: 0, stale: 0, says: whole(60, '8.8.8.8') as NameAnswer | Promise<NameAnswer> | Error | 'nothing' }
  const onStale = () => {
    state.stale += 1
  }
  const kept = createKeptNames({ ...defaults, ...settings, now: () => state.now, onStale })
  const lookUp = async (signal: AbortSignal): Promise<NameAnswer> => {
    state.asked += 1
    if (state.says === 'nothing') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    if (state.says instanceof Error) throw state.says
    return state.says
  }
  const resolve = async (name = 'a.example', owner = 'weather', signal = never) =>
    (await kept(owner, name, signal, lookUp)).map(({ address }) => address)
  /** How often it is asked for one more use, so many milliseconds after the start. */
  const askedAt = async (ms: number) => {
    const before = state.asked
    state.now = ms
    await resolve().catch(() => {})
    return state.asked - before
  }
  return { state, resolve, askedAt }
}

test('an answer is used for its time to live', async () => {
  const { askedAt, state } = arrange()
  assert.deepEqual([await askedAt(0), await askedAt(seconds(60) - 1), await askedAt(seconds(60))], [1, 0, 1])
  assert.equal(state.stale, 0)
})

test('minTtl lengthens a time to live, maxTtl shortens it, and with none an answer is not kept', () =>
  eachCase(
    [
      [1, seconds(5)],
      [100_000, seconds(300)],
    ] as const,
    async ([ttl, keptMs]) => {
      const { state, askedAt } = arrange()
      state.says = whole(ttl, '8.8.8.8')
      assert.deepEqual([await askedAt(0), await askedAt(keptMs - 1), await askedAt(keptMs)], [1, 0, 1])
      state.says = whole(0, '8.8.8.8')
      assert.deepEqual([await askedAt(seconds(900)), await askedAt(seconds(900))], [1, 1])
    },
  ))

test('that there is no such name, or no address, is known for negativeTtl', () =>
  eachCase([failing('ENOTFOUND'), failing('ENODATA'), whole(0)], async (says) => {
    const { state, askedAt, resolve } = arrange()
    state.says = says
    assert.deepEqual([await askedAt(0), await askedAt(seconds(5) - 1), await askedAt(seconds(5))], [1, 0, 1])
    assert.deepEqual(await resolve().catch(({ code }) => code), says instanceof Error ? says.code : [])
    state.says = whole(60, '8.8.8.8')
    state.now = seconds(10)
    assert.deepEqual(await resolve(), ['8.8.8.8'])
  }))

test('a failure of the name servers is not kept', async () => {
  const { state, askedAt } = arrange()
  state.says = failing('ESERVFAIL')
  assert.deepEqual([await askedAt(0), await askedAt(0)], [1, 1])
})

test('where no name server answers, the last answer is used for the time of stale and no longer', async () => {
  const { state, resolve } = arrange()
  await resolve()
  state.says = failing('ECONNREFUSED')
  await eachCase([seconds(60), seconds(359)], async (now) => {
    state.now = now
    assert.deepEqual(await resolve(), ['8.8.8.8'])
  })
  assert.equal(state.stale, 2)
  state.now = seconds(360)
  await assert.rejects(resolve(), { code: 'ECONNREFUSED' })
  state.says = whole(60, '8.8.4.4')
  assert.deepEqual(await resolve(), ['8.8.4.4'])
})

test('name servers that fail are asked again every 5 s, and their next answer is used', async () => {
  const { state, resolve, askedAt } = arrange()
  await resolve()
  state.says = failing('ESERVFAIL')
  assert.deepEqual([await askedAt(seconds(60)), await askedAt(seconds(65) - 1), await askedAt(seconds(65))], [1, 0, 1])
  state.says = whole(60, '8.8.4.4')
  state.now = seconds(70)
  assert.deepEqual(await resolve(), ['8.8.4.4'])
})

test('name servers that say nothing are waited for a second where there is an answer whose time is over', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, resolve } = arrange()
  await resolve()
  Object.assign(state, { now: seconds(60), says: 'nothing' })
  const asked = resolve()
  t.mock.timers.tick(1000)
  assert.deepEqual(await asked, ['8.8.8.8'])
})

test('a name server that answers only after that second is not away: its answer is used from then on', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { state, resolve } = arrange()
  await resolve()
  const { promise, resolve: answer } = Promise.withResolvers<NameAnswer>()
  Object.assign(state, { now: seconds(60), says: promise })
  const asked = [resolve(), resolve()]
  t.mock.timers.tick(1000)
  assert.deepEqual(await Promise.all(asked), [['8.8.8.8'], ['8.8.8.8']])
  assert.equal(state.asked, 2)
  answer(whole(60, '8.8.4.4'))
  await promise
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await resolve(), ['8.8.4.4'])
  assert.equal(state.asked, 2)
})

test('a caller that leaves is not given an old answer', async () => {
  const { state, resolve } = arrange()
  await resolve()
  Object.assign(state, { now: seconds(60), says: 'nothing' })
  const leaving = new AbortController()
  const asked = resolve('a.example', 'weather', leaving.signal)
  leaving.abort(new Refusal('client-closed', 'gone'))
  await assert.rejects(asked, { code: 'client-closed' })
})

test('a name that is gone is gone, whatever was known of it', async () => {
  const { state, resolve } = arrange()
  await resolve()
  Object.assign(state, { now: seconds(60), says: failing('ENOTFOUND') })
  await times(2, () => assert.rejects(resolve(), { code: 'ENOTFOUND' }))
  state.says = failing('ESERVFAIL')
  state.now = seconds(66)
  await assert.rejects(resolve(), { code: 'ESERVFAIL' })
})

test('an answer without one family is asked for again soon', async () => {
  const { state, askedAt } = arrange()
  state.says = { ...whole(60, '8.8.8.8'), isWhole: false }
  assert.deepEqual([await askedAt(0), await askedAt(seconds(5))], [1, 1])
})

test('an answer of more addresses than any name needs is used and not kept', async () => {
  const { state, resolve, askedAt } = arrange()
  state.says = whole(60, ...Array.from({ length: 65 }, (_, index) => `8.8.8.${index}`))
  assert.equal((await resolve()).length, 65)
  assert.equal(await askedAt(1), 1)
})

test('each integration has its own answers, and one with many loses its own beyond maxNames', async () => {
  const { state, resolve } = arrange({ maxNames: 10 })
  await resolve('a.example', 'modest')
  await times(50, (index) => resolve(`${index}.example`, 'greedy'))
  assert.equal(state.asked, 51)
  await resolve('a.example', 'modest')
  assert.equal(state.asked, 51)
  await resolve('a.example', 'other')
  assert.equal(state.asked, 52)
})

test('a kept answer is judged at each use', async (t) => {
  const server = await startNameServer(t, (_name, type) => ({ addresses: type === 'A' ? ['10.0.0.1'] : [], ttl: 60 }))
  const servers = [`127.0.0.1:${server.port}`]
  const resolve = createResolveName({ servers, localNames: () => null, kept: createKeptNames(defaults) })
  const judged = (allowed: readonly string[]) =>
    resolveJudged(
      resolve,
      createAddressRule(() => false),
      { host: 'db.example', port: 443, allowed, owner: 'a' },
      never,
    )
  assert.deepEqual(await judged(['10.0.0.0/8']), [v4('10.0.0.1')])
  await assert.rejects(judged([]), { code: 'address-denied' })
  assert.deepEqual(await judged(['10.0.0.0/8']), [v4('10.0.0.1')])
  assert.deepEqual(server.asked, ['db.example', 'db.example'])
})

test('the time to live that is kept is the shortest of an answer', async (t) => {
  const server = await startNameServer(t, (_name, type) =>
    type === 'A' ? { addresses: ['8.8.8.8'], ttl: 60 } : { addresses: ['2606:4700::1111'], ttl: 20 },
  )
  let now = 0
  const kept = createKeptNames({ ...defaults, now: () => now })
  const resolve = createResolveName({ servers: [`127.0.0.1:${server.port}`], localNames: () => null, kept })
  await eachCase([0, seconds(20) - 1, seconds(20)], async (at) => {
    now = at
    assert.equal((await resolve('a.example', 'a', never)).length, 2)
  })
  assert.equal(server.asked.length, 4)
})
