/** When a request is sent again, after what pause, and how often an integration may have that. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Answer, type FormerAttempt, type Progress, Refusal, type RequestBody } from '../../src/core/index.ts'
import { createHeadDeadline, TotalDeadline } from '../../src/resources/deadlines.ts'
import { type Attempt, createRetries, type Retried } from '../../src/resources/retries.ts'
import { createCaller } from '../support/caller.ts'
import { eachCase, times } from '../support/cases.ts'
import { noProgress } from '../support/outcome.ts'

const turns = () => times(5, () => new Promise((resolve) => setImmediate(resolve)))
const ok: Answer = { status: 200, headers: [], body: null }
const busy = (retryAfter: string | null, status = 503): Answer => ({
  status,
  headers: retryAfter === null ? [] : ['Retry-After', retryAfter],
  body: null,
})
const unreached = () => new Refusal('origin-unreachable', 'no')
const wholeBody = { whole: Buffer.from('hello') } as RequestBody

/** Attempts end as `ends` say, one after the other, and the last of them again and again; what was `sent` had a connection. */
function arrange(t: TestContext, { random = 1, timeoutMs = 60_000, now = 0 } = {}) {
  let clock = 0
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => clock)
  const withRetries = createRetries({ random: () => random, now: () => now })
  const former: FormerAttempt[] = []
  const caller = createCaller()
  const progress: Progress = { ...noProgress, retrying: (attempt) => void former.push(attempt) }
  const state = { attempts: 0 }
  const asked = (ends: readonly (Answer | Error | 'sent')[], more: Partial<Retried> = {}) => {
    const attempt: Attempt = async (on) => {
      const end = ends[Math.min(state.attempts, ends.length - 1)]
      state.attempts += 1
      if (end === 'sent') {
        on.started(null)
        throw new Refusal('origin-failed', 'broke off')
      }
      if (end instanceof Error) throw end
      on.started(null)
      return end as Answer
    }
    state.attempts = 0
    const fixed = { settings: { attempts: 3 }, owner: 'weather', origin: 'a', body: null, head: createHeadDeadline(timeoutMs) }
    const result = withRetries({ ...fixed, hangup: caller.hangup, progress, ...more }, attempt).then(
      (reply) => reply.status,
      (error: Refusal) => error.code ?? error.message,
    )
    return result
  }
  return {
    ...{ state, former, caller, asked },
    async pass(ms: number) {
      await turns()
      clock += ms
      t.mock.timers.tick(ms)
      await turns()
    },
  }
}

test('what was not sent is sent again after a pause that doubles', async (t) => {
  const { asked, pass, state, former } = arrange(t)
  const result = asked([unreached(), unreached(), ok])
  await pass(99)
  assert.equal(state.attempts, 1)
  await pass(1)
  assert.equal(state.attempts, 2)
  await pass(199)
  assert.equal(state.attempts, 2)
  await pass(1)
  assert.equal(await result, 200)
  assert.deepEqual(former, Array(2).fill({ problem: 'origin-unreachable', status: null, sentBytes: 0 }))
})

test('a random half of the pause is left out', async (t) => {
  const { asked, pass, state } = arrange(t, { random: 0 })
  const result = asked([unreached(), ok], { settings: { attempts: 2, backoffMs: 1000 } })
  await pass(499)
  assert.equal(state.attempts, 1)
  await pass(1)
  assert.equal(await result, 200)
})

test('after its last attempt the caller has its failure', async (t) => {
  const { asked, pass, state } = arrange(t)
  const result = asked([unreached()], { settings: { attempts: 2 } })
  await pass(100)
  assert.equal(await result, 'origin-unreachable')
  assert.equal(state.attempts, 2)
})

test('what may have been sent, is not allowed, not trusted, or does not exist is not asked again', (t) => {
  const { asked, state } = arrange(t)
  const missing = new Refusal('origin-unreachable', 'no', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) })
  const others = (['address-denied', 'origin-tls-failed', 'connections-exceeded', 'client-closed'] as const).map(
    (code) => new Refusal(code, 'no'),
  )
  return eachCase(['sent', missing, ...others, new Error('bug')] as const, async (end) => {
    await asked([end])
    assert.equal(state.attempts, 1)
  })
})

test('a kept connection that was closed, and no other one that can be made, are nothing sent', async (t) => {
  const { pass } = arrange(t)
  const withRetries = createRetries({ random: () => 1 })
  const former: FormerAttempt[] = []
  const progress: Progress = { ...noProgress, retrying: (attempt) => void former.push(attempt) }
  let attempts = 0
  const attempt: Attempt = async (on) => {
    attempts += 1
    if (attempts === 2) return ok
    on.started(null)
    on.retrying({ problem: 'origin-failed', status: null, sentBytes: 0 })
    throw unreached()
  }
  const fixed = { settings: { attempts: 2 }, owner: 'weather', origin: 'a', body: null, head: createHeadDeadline(1000) }
  const result = withRetries({ ...fixed, hangup: createCaller().hangup, progress }, attempt)
  await pass(100)
  assert.equal((await result).status, 200)
  assert.deepEqual(
    former.map(({ problem }) => problem),
    ['origin-failed', 'origin-unreachable'],
  )
})

test('a body that is whole is sent again, and one that was streamed is not', async (t) => {
  const { asked, pass, state, former } = arrange(t)
  const result = asked([busy('1'), ok], { body: wholeBody })
  await pass(1100)
  assert.equal(await result, 200)
  assert.deepEqual(former, [{ problem: null, status: 503, sentBytes: 5 }])
  assert.equal(await asked([unreached()], { body: { whole: null } as RequestBody }), 'origin-unreachable')
  assert.equal(state.attempts, 1)
})

test('a Retry-After of a 429 or 503 is waited for, as seconds and as a date', async (t) => {
  const { asked, pass, state } = arrange(t, { now: Date.parse('Thu, 01 Jan 2026 00:00:00 GMT') })
  await eachCase([busy('2'), busy('2', 429), busy('Thu, 01 Jan 2026 00:00:02 GMT')], async (answer) => {
    const result = asked([answer, ok])
    await pass(2099)
    assert.equal(state.attempts, 1)
    await pass(1)
    assert.equal(await result, 200)
  })
})

test('an answer without a Retry-After that can be read, or of another status, is the caller’s', (t) => {
  const { asked, state } = arrange(t)
  return eachCase([busy(null), busy('soon'), busy('-1'), busy('1', 500), busy('1', 200)], async (answer) => {
    assert.equal(await asked([answer]), answer.status)
    assert.equal(state.attempts, 1)
  })
})

test('a Retry-After beyond the timeout, or beyond the time for all of it, is the caller’s', async (t) => {
  const { asked, state, caller } = arrange(t, { timeoutMs: 5000 })
  assert.equal(await asked([busy('5')]), 503)
  const total = new TotalDeadline(2000, caller.hangup)
  assert.equal(await asked([busy('2')], { hangup: total }), 503)
  assert.equal(state.attempts, 1)
})

test('a pause ends within the time for all of it, and when the caller leaves', async (t) => {
  const { asked, pass, state, caller } = arrange(t)
  const total = new TotalDeadline(1500, createCaller().hangup)
  const late = asked([busy('1')], { hangup: total })
  await pass(1100)
  assert.equal(state.attempts, 2)
  assert.equal(await late, 503)
  const left = asked([busy('1')])
  await turns()
  caller.leave()
  assert.equal(await left, 'client-closed')
  assert.equal(state.attempts, 1)
})

test('retries are a share of the requests of an integration to an origin, beyond a reserve', async (t) => {
  const { asked, pass, state } = arrange(t)
  const attemptsOf = async (more: Partial<Retried> = {}) => {
    const result = asked([unreached()], { settings: { attempts: 2, budgetPercent: 20 }, ...more })
    await pass(100)
    await result
    return state.attempts
  }
  const spent: number[] = []
  // Each of the first twelve gives back a fifth of what it takes.
  await times(12, async () => void spent.push(await attemptsOf()))
  assert.deepEqual(spent, Array(12).fill(2))
  const later: number[] = []
  await times(10, async () => void later.push(await attemptsOf()))
  assert.equal(later.filter((attempts) => attempts === 2).length, 2)
  assert.equal(await attemptsOf({ origin: 'b' }), 2)
  assert.equal(await attemptsOf({ owner: 'other' }), 2)
})
