/** Breakers: one per integration and origin; they judge the head of a reply, and an origin that breaks off behind it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Integration, type Outcome, type ProblemCode, Refusal, type Reply, type Takeover } from '../../src/core/index.ts'
import { type Attempt, createBreakers } from '../../src/limits/breakers.ts'
import { eachCase, times } from '../support/cases.ts'

const settings = { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetMs: 1000 }
const integration = (name: string, changed: Partial<typeof settings> = {}) =>
  ({ name, breaker: { ...settings, ...changed } }) as Integration
const reply = (status: number): Reply => ({ status, headers: [], body: null })
const origin = 'http://a:80'
const weather = integration('weather')

/** In time that the test moves. */
function arrange() {
  const changes: string[] = []
  const clock = { ms: 0 }
  const breakers = createBreakers(
    () => clock.ms,
    (name, { state }) => void changes.push(`${name} ${state}`),
  )
  const begin = (
    effect: () => Promise<Reply> | Reply,
    { who = weather, to = origin, attempt = { breaker: null, pass: null, breakerState: null } as Attempt } = {},
  ) =>
    Promise.resolve()
      .then(() => breakers.run(attempt, who, to, effect))
      .then(
        ({ status }) => status,
        (error: Refusal) => error.code,
      )
  const answer = (status: number, more?: Parameters<typeof begin>[1]) => begin(() => reply(status), more)
  const fail = (code: ProblemCode, afterMs = 0, more?: Parameters<typeof begin>[1]) =>
    begin(() => {
      clock.ms += afterMs
      throw new Refusal(code, '')
    }, more)
  return { breakers, changes, clock, begin, answer, fail }
}

test('opens after failures, lets one trial through after the reset, and closes again', async () => {
  const { breakers, changes, clock, begin, answer } = arrange()
  await times(4, async () => assert.equal(await answer(503), 503))
  assert.equal(await answer(200), 'breaker-open')
  assert.throws(
    () => breakers.run({ breaker: null, pass: null, breakerState: null }, weather, origin, () => reply(200)),
    (error) => error instanceof Refusal && error.code === 'breaker-open' && Number(error.headers[1]) >= 1,
  )
  // Neither another integration nor another origin is affected.
  assert.equal(await answer(200, { who: integration('other') }), 200)
  assert.equal(await answer(200, { to: 'http://b:80' }), 200)

  clock.ms = 1000
  const { promise, resolve: finish } = Promise.withResolvers<Reply>()
  const trial = begin(() => promise)
  await Promise.resolve()
  assert.equal(await answer(200), 'breaker-open')
  finish(reply(200))
  assert.equal(await trial, 200)
  assert.equal(await answer(200), 200)
  assert.deepEqual(changes, ['weather open', 'weather half-open', 'weather closed'])
})

test('a trial that fails opens it again', async () => {
  const { changes, clock, answer, fail } = arrange()
  await times(4, () => answer(503))
  clock.ms = 1000
  assert.equal(await fail('origin-unreachable'), 'origin-unreachable')
  assert.equal(await answer(200), 'breaker-open')
  clock.ms = 1999
  assert.equal(await answer(200), 'breaker-open')
  clock.ms = 2000
  assert.equal(await answer(200), 200)
  assert.deepEqual(changes, ['weather open', 'weather half-open', 'weather open', 'weather half-open', 'weather closed'])
})

for (const code of ['payload-too-large', 'client-closed', 'address-denied', 'reply-too-large', 'connections-exceeded', 'internal'] as const)
  test(`${code} says nothing of the origin: neither does it open a breaker, nor keep one shut, nor close one in its trial`, async () => {
    const { breakers, clock, answer, fail } = arrange()
    await times(100, async () => assert.equal(await fail(code), code))
    await times(4, async () => assert.equal(await answer(503), 503))
    assert.equal(await answer(200), 'breaker-open')
    clock.ms += 1000
    assert.equal(await fail(code), code)
    assert.deepEqual(breakers.report('weather'), [{ origin, state: 'half-open' }])
    // The next one is the trial.
    assert.equal(await answer(200), 200)
    assert.deepEqual(breakers.report('weather'), [{ origin, state: 'closed' }])
  })

test('one that would let a trial through is half-open for rules that look at it', async () => {
  const { breakers, clock, answer } = arrange()
  await times(4, () => answer(503))
  const state = () => breakers.report('weather')[0]?.state
  clock.ms = 999
  assert.equal(state(), 'open')
  clock.ms = 1000
  assert.equal(state(), 'half-open')
})

test('a client error is an answer', async () => {
  const { answer } = arrange()
  await times(20, async () => assert.equal(await answer(404), 404))
})

test('opens at its threshold, not only above it', async () => {
  const { answer } = arrange()
  await eachCase([200, 200, 503, 503], async (status) => assert.equal(await answer(status), status))
  assert.equal(await answer(200), 'breaker-open')
})

test('a threshold of 100 percent opens when everything fails', async () => {
  const { answer } = arrange()
  const strict = { who: integration('weather', { errorThresholdPercent: 100 }) }
  await eachCase([503, 503, 503], async (status) => assert.equal(await answer(status, strict), status))
  assert.equal(await answer(200, strict), 200)
  await times(40, async () => assert.equal(await answer(503, strict), 503))
})

test('what happened before the window counts no more', async () => {
  const { clock, answer } = arrange()
  await times(3, async () => assert.equal(await answer(503), 503))
  clock.ms = 11_000
  await times(3, async () => assert.equal(await answer(503), 503))
  assert.equal(await answer(503), 503)
  assert.equal(await answer(503), 'breaker-open')
})

test('an origin that hangs until its callers give up opens one', async () => {
  const { clock, answer, fail } = arrange()
  await times(4, async () => assert.equal(await fail('client-closed', 1500), 'client-closed'))
  assert.equal(await answer(200), 'breaker-open')
  // And its trial, too.
  clock.ms += 1000
  assert.equal(await fail('client-closed', 1500), 'client-closed')
  assert.equal(await answer(200), 'breaker-open')
})

test('callers that give up on an origin which answers others do not open one', async () => {
  const { answer, fail } = arrange()
  assert.equal(await answer(200), 200)
  await times(4, async () => assert.equal(await fail('client-closed', 1500), 'client-closed'))
  assert.equal(await answer(200), 200)
})

test('an origin that breaks off behind its head has failed; a caller that leaves and a cap have not', async () => {
  const { breakers, answer } = arrange()
  const ended = async (problem: ProblemCode | null) => {
    const attempt: Attempt = { breaker: null, pass: null, breakerState: null }
    const status = await answer(200, { attempt })
    breakers.settled(attempt, { problem } as Outcome)
    return status
  }
  await eachCase([null, 'client-closed', 'reply-too-large', 'internal', null] as const, async (problem) =>
    assert.equal(await ended(problem), 200),
  )
  await times(5, async () => assert.equal(await ended('origin-failed'), 200))
  assert.equal(await ended(null), 'breaker-open')
})

test('answers to requests of before it opened change nothing', async () => {
  const { changes, begin, answer } = arrange()
  const { promise, resolve: finish } = Promise.withResolvers<Reply>()
  const slow = begin(() => promise)
  await Promise.resolve()
  await times(4, () => answer(503))
  finish(reply(200))
  assert.equal(await slow, 200)
  assert.equal(await answer(200), 'breaker-open')
  assert.deepEqual(changes, ['weather open'])
})

test('of a WebSocket the handshake counts, once it is known, and not that it was begun', async () => {
  const { breakers, clock, changes } = arrange()
  const reach = async (how: 'opens' | 'left' | 401 | 503 | Refusal) => {
    const ask: Takeover['takeover'] = async (_caller, _head, _meter, opening) => {
      assert.ok(!(how instanceof Refusal), how as Refusal)
      if (how === 'opens') opening.accept([])
      else opening.decline({ status: how as number, headers: [], body: null })
    }
    const takeover: Takeover = { status: 101, headers: [], asksLater: true, takeover: ask, discard() {} }
    const attempt: Attempt = { breaker: null, pass: null, breakerState: null }
    const reply = await Promise.resolve().then(() => breakers.run(attempt, weather, origin, () => takeover) as Takeover)
    const opening = { accept() {}, refuse() {}, decline() {} }
    return how === 'left' ? reply.discard() : reply.takeover(null as never, Buffer.alloc(0), null as never, opening)
  }
  const refused = new Refusal('origin-failed', 'it answered 503')
  const known = new Refusal('origin-failed', 'it answered 401', { originWorks: true })
  const fails = (how: Refusal, code = how.code) => assert.rejects(reach(how), { code })
  await times(4, () => fails(known))
  await eachCase(['opens', 401, 401] as const, (how) => reach(how))
  await times(5, () => fails(refused))
  await reach(503)
  assert.deepEqual(changes, [])
  await fails(refused)
  await fails(refused, 'breaker-open')
  // A trial whose caller has left says nothing; the next one decides.
  clock.ms = 1000
  await reach('left')
  await fails(refused)
  clock.ms = 2000
  await reach('opens')
  assert.deepEqual(changes, ['weather open', 'weather half-open', 'weather open', 'weather half-open', 'weather closed'])
})
