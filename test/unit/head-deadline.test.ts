/** The deadline until the head of a reply: one for the connection, the reply, and every attempt together. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Refusal } from '../../src/core/index.ts'
import { createHeadDeadline, shortestOf, TotalDeadline } from '../../src/resources/deadlines.ts'
import { askOverHttp2 } from '../../src/resources/http/http2-ask.ts'
import type { Http2ExchangeOptions } from '../../src/resources/http/http2-exchange.ts'
import type { Http2Sessions, OriginSession } from '../../src/resources/http/http2-sessions.ts'
import { createCaller } from '../support/caller.ts'
import { times } from '../support/cases.ts'
import { noProgress } from '../support/outcome.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Timers, and the clock that deadlines read, go on together and only when they are told to. */
function createClock(t: TestContext) {
  let now = 0
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => now)
  return {
    async pass(ms: number) {
      now += ms
      t.mock.timers.tick(ms)
      await turn()
    },
  }
}

/** Connections of an origin that never answers; each is there when `connect` is called. */
function createSessions() {
  const waiting: (() => void)[] = []
  const streams: (EventEmitter & { rstCode: number })[] = []
  const ask = () => {
    const stream = Object.assign(new EventEmitter(), {
      rstCode: 0,
      destroyed: false,
      close(code: number) {
        stream.rstCode = code
        stream.destroyed = true
        stream.emit('close')
      },
    })
    streams.push(stream)
    return stream
  }
  const session = { isUsed: true, ask, release: () => {}, retire: () => {}, floodOf: () => null } as unknown as OriginSession
  const take = () => new Promise<OriginSession>((resolve) => waiting.push(() => resolve(session)))
  return {
    sessions: { take } as unknown as Http2Sessions,
    streams,
    async connect() {
      waiting.shift()?.()
      await turn()
    },
  }
}

const asking = (timeoutMs: number) =>
  ({
    target: { scheme: 'https', host: 'a.example', port: 443, method: 'GET', path: '/', query: '' },
    path: '/',
    headers: ['host', 'a.example'],
    body: null,
    hangup: createCaller().hangup,
    progress: noProgress,
    head: createHeadDeadline(timeoutMs),
    firstByteMs: undefined,
    idleTimeoutMs: 1000,
    maxRequestBytes: 1000,
    maxReplyBytes: 1000,
  }) satisfies Http2ExchangeOptions

/** What became of it so far. */
function watch(answer: Promise<unknown>) {
  const state = { code: null as string | null, message: '' }
  answer.catch((error: Refusal) => Object.assign(state, { code: error.code, message: error.message }))
  return state
}

test('over HTTP/2 the connection and the reply have it together', async (t) => {
  const clock = createClock(t)
  const { sessions, connect } = createSessions()
  const state = watch(askOverHttp2(() => sessions, asking(100)))
  await clock.pass(60)
  await connect()
  await clock.pass(39)
  assert.equal(state.code, null)
  await clock.pass(1)
  assert.deepEqual(state, { code: 'origin-timeout', message: 'a.example did not answer within 100 ms' })
})

test('over HTTP/2 a second attempt has what the first one left', async (t) => {
  const clock = createClock(t)
  const { sessions, connect, streams } = createSessions()
  const state = watch(askOverHttp2(() => sessions, asking(100)))
  await times(2, async () => {
    await clock.pass(30)
    await connect()
    // REFUSED_STREAM
    streams[0]?.emit('error', new Error('refused'))
    Object.assign(streams[0] ?? {}, { rstCode: 7 })
    streams[0]?.emit('close')
    await turn()
  })
  assert.equal(streams.length, 2)
  await clock.pass(40)
  assert.match(state.message, /within 100 ms/)
})

test('the time for all of it is a hang-up with its own reason, unless the caller leaves before', async (t) => {
  const clock = createClock(t)
  const caller = createCaller()
  const [late, left] = [new TotalDeadline(100, caller.hangup), new TotalDeadline(200, caller.hangup)]
  const heard: unknown[] = []
  late.onGone(() => heard.push(late.reason?.message))
  left.onGone(() => heard.push(left.reason))
  await clock.pass(100)
  caller.leave()
  assert.deepEqual(heard, ['the exchange as a whole took more than 100 ms', undefined])
  assert.ok(late.reason instanceof Refusal)
})

test('of each timeout the shorter holds, whoever states it', () => {
  assert.deepEqual(shortestOf({ connectMs: 5, idleMs: 7 }, { connectMs: 6, idleMs: 3, totalMs: 9 }), {
    connectMs: 5,
    idleMs: 3,
    totalMs: 9,
  })
  assert.deepEqual(shortestOf({}, {}), {})
})
