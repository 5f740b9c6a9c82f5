/** Breakers: one an integration and origin; they judge the head of a reply. */
import assert from 'node:assert/strict'
import { mock, type TestContext, test } from 'node:test'
import { type Integration, Refusal, type Reply } from '../../src/core/index.ts'
import { createBreakers } from '../../src/limits/breakers.ts'

const integration = (name: string) =>
  ({ name, breaker: { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetMs: 1000 } }) as Integration
const reply = (status: number): Reply => ({ status, headers: [], body: null })
const origin = 'http://a:80'
const isOpen = (error: unknown) => error instanceof Refusal && error.code === 'breaker-open' && Number(error.headers[1]) >= 1

/** In time that stands still, and nobody hears of a change. */
function quietBreakers(t: TestContext) {
  const breakers = createBreakers(
    () => 0,
    () => {},
  )
  t.after(() => breakers.close())
  return breakers
}

test('opens after failures, lets one trial through after the reset, and closes again', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })
  t.after(() => mock.timers.reset())
  const changes: string[] = []
  let now = 0
  const breakers = createBreakers(
    () => now,
    (name, { state }) => void changes.push(`${name} ${state}`),
  )
  t.after(() => breakers.close())
  const weather = integration('weather')
  for (let i = 0; i < 4; i += 1) assert.equal((await breakers.run(weather, origin, () => reply(503)))?.status, 503)
  await assert.rejects(
    breakers.run(weather, origin, () => reply(200)),
    isOpen,
  )
  // Neither another integration nor another origin is affected.
  assert.equal((await breakers.run(integration('other'), origin, () => reply(200))).status, 200)
  assert.equal((await breakers.run(weather, 'http://b:80', () => reply(200))).status, 200)

  now = 1000
  mock.timers.tick(1000)
  let finish = (_reply: Reply) => {}
  const trial = breakers.run(
    weather,
    origin,
    () =>
      new Promise<Reply>((resolve) => {
        finish = resolve
      }),
  )
  await assert.rejects(
    breakers.run(weather, origin, () => reply(200)),
    isOpen,
  )
  finish(reply(200))
  assert.equal((await trial).status, 200)
  assert.equal((await breakers.run(weather, origin, () => reply(200))).status, 200)
  assert.deepEqual(changes, ['weather open', 'weather half-open', 'weather closed'])
})

test('a caller’s own fault and a client error never open it; an unreachable origin does', async (t) => {
  const breakers = quietBreakers(t)
  const weather = integration('weather')
  const fail = (code: ConstructorParameters<typeof Refusal>[0]) =>
    breakers.run(weather, origin, () => Promise.reject(new Refusal(code, ''))).catch((error) => error.code)
  for (let i = 0; i < 10; i += 1) {
    assert.equal(await fail('payload-too-large'), 'payload-too-large')
    assert.equal(await fail('client-closed'), 'client-closed')
    assert.equal((await breakers.run(weather, origin, () => reply(404))).status, 404)
  }
  let code = ''
  for (let i = 0; i < 200 && code !== 'breaker-open'; i += 1) code = await fail('origin-unreachable')
  assert.equal(code, 'breaker-open')
})

test('a threshold of 100 percent opens when everything fails', async (t) => {
  const breakers = quietBreakers(t)
  const base = integration('weather')
  const strict = { ...base, breaker: { ...base.breaker, errorThresholdPercent: 100 } }
  for (let i = 0; i < 10; i += 1) await Promise.resolve(breakers.run(strict, origin, () => reply(503))).catch(() => {})
  await assert.rejects(Promise.resolve(breakers.run(strict, origin, () => reply(200))), (error: Refusal) => error.code === 'breaker-open')
})
