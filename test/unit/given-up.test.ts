/** Requests that are given up while they wait for a connection: nothing of them is kept until there is one. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Hangup } from '../../src/core/index.ts'
import { createHeadDeadline } from '../../src/resources/deadlines.ts'
import { forgetPending } from '../../src/resources/http/agent-queue.ts'
import { exchange } from '../../src/resources/http/exchange.ts'
import { createOriginPool, type OriginPool } from '../../src/resources/http/origin-pool.ts'
import { createCaller } from '../support/caller.ts'
import { eventually } from '../support/eventually.ts'
import { startOrigin } from '../support/origin.ts'
import { noProgress } from '../support/outcome.ts'
import { connect } from '../support/sockets.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('a request that Node’s agent has in its queue closes at once, and those in front of it and behind it stay', async (t) => {
  const origin = await startOrigin(t, { answer: (req, res) => void (req.url !== '/hang' && res.end()) })
  const agent = new Agent({ maxSockets: 1 })
  const send = (path: string) => request({ agent, port: origin.port, path, method: 'PUT' }).on('error', () => {})
  const running = send('/hang')
  running.end()
  await eventually('it has the connection', () => origin.requests.length === 1)
  const [given, next] = [send('/given'), send('/next')]
  given.end('body')
  next.end('body')
  const closing = new Promise((resolve) => given.once('close', resolve))
  given.destroy()
  forgetPending(agent, given)
  await closing
  assert.deepEqual(
    Object.values(agent.requests).map((queue) => queue?.length),
    [1],
  )
  // Nobody waits there any more.
  forgetPending(agent, given)
  const answered = once(next, 'response')
  running.destroy()
  const [res] = await answered
  await once(res.resume(), 'end')
  assert.deepEqual(
    origin.requests.map(({ url }) => url),
    ['/hang', '/next'],
  )
  agent.destroy()
})

/** A request with a body, given up while it waits; what is left of the body. */
async function giveUp(pool: OriginPool): Promise<WeakRef<Buffer>> {
  const body = Buffer.alloc(100_000)
  const { hangup, leave } = createCaller()
  const asking = ask(pool, hangup, body)
  leave()
  await assert.rejects(asking, { code: 'client-closed' })
  return new WeakRef(body)
}

function ask(pool: OriginPool, hangup: Hangup, body: Buffer | null) {
  const method = body === null ? 'GET' : 'PUT'
  const sent = { path: '/', method, headers: ['host', 'a'], body }
  return exchange({
    pool,
    request: sent,
    hangup,
    progress: noProgress,
    host: 'a',
    head: createHeadDeadline(600_000),
    firstByteMs: undefined,
    maxReplyBytes: 100,
  })
}

test('a request that undici has in its queue keeps nothing of its body, and is never sent', async (t) => {
  const origin = await startOrigin(t, { answer: () => {} })
  const tcp = () =>
    new Promise<Socket>((resolve) => {
      const socket = connect(origin.port, '127.0.0.1', () => resolve(socket))
    })
  const target = { host: 'a', port: 80, allowed: [], owner: 'weather' }
  const pool = createOriginPool({
    origin: 'http://a:80',
    target,
    dialer: { tcp, tls: tcp },
    idleTimeoutMs: 600_000,
    connections: 1,
    keeper: { keep: () => ({ suspect() {} }) },
  })
  const hanging = ask(pool, createCaller().hangup, null)
  hanging.catch(() => {})
  await eventually('one has the connection', () => origin.requests.length === 1)
  const body = await giveUp(pool)
  await eventually('the body is gone', () => {
    collectGarbage()
    return body.deref() === undefined
  })
  await pool.destroy()
  assert.equal(origin.requests.length, 1)
})
