/** Egress sockets between their dialling and their use. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSecureContext } from 'node:tls'
import type { Hangup } from '../../src/core/index.ts'
import { createDialer } from '../../src/resources/egress/dial.ts'
import { joinSockets } from '../../src/resources/egress/join.ts'
import type { ResolveName } from '../../src/resources/egress/resolve.ts'
import { WantedDials } from '../../src/resources/egress/wanted-dials.ts'
import { unlessAborted } from '../../src/resources/egress/within.ts'
import { hasIpv6 } from '../support/ipv6.ts'
import { startSilentListener } from '../support/silent-listener.ts'

const options = { rule: { judge: () => {} }, connectTimeoutMs: 60_000, secureContext: createSecureContext() }
const unresolved: ResolveName = (_name, _owner, signal) => unlessAborted(new Promise(() => {}), signal)
const target = { host: 'a.example', port: 443, allowed: [], owner: 'weather' }

/** A caller that hangs up when it is told to. */
function createCaller() {
  const left = new AbortController()
  const hangup: Hangup = {
    get gone() {
      return left.signal.aborted
    },
    onGone(callback) {
      if (left.signal.aborted) callback()
      else left.signal.addEventListener('abort', callback)
      return () => left.signal.removeEventListener('abort', callback)
    },
  }
  return { hangup, leave: () => left.abort() }
}

const noMeter = { sent: () => {}, received: () => {} }
const closed = (socket: Socket) => new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))

function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer(onSocket).listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    t.after(() => void server.close())
  })
}

/** A dialled socket whose origin resets once it stands, before anybody uses it. */
async function dialReset(t: TestContext): Promise<Socket> {
  const accepted: Socket[] = []
  const port = await listen(t, (socket) => void accepted.push(socket))
  const dialer = createDialer({ ...options, resolve: unresolved })
  const socket = await dialer.tcp({ host: '127.0.0.1', port, allowed: [], owner: 'weather' })
  while (accepted.length === 0) await new Promise((resolve) => setImmediate(resolve))
  accepted[0]?.resetAndDestroy()
  await closed(socket)
  return socket
}

test('an origin that resets before its socket is used hurts nobody', async (t) => {
  const socket = await dialReset(t)
  assert.equal((socket.errored as NodeJS.ErrnoException | null)?.code, 'ECONNRESET')
})

test('a tunnel to an origin that is gone already ends at once, for the caller too', async (t) => {
  const origin = await dialReset(t)
  const caller = connect(await listen(t, () => {}), '127.0.0.1')
  await new Promise<void>((resolve) => caller.once('connect', () => resolve()))
  await assert.rejects(joinSockets(caller, Buffer.alloc(0), origin, noMeter, 60_000), { code: 'ECONNRESET' })
  assert.ok(caller.destroyed)
})

/** A dialer whose dial is stuck: while the name is resolved, while no address answers, while the origin says nothing to the handshake. */
async function stuckDials(t: TestContext) {
  const silent = await startSilentListener(t)
  const mute = await listen(t, (socket) => void socket.on('error', () => {}))
  const here: ResolveName = async () => [{ address: '127.0.0.1', family: 4 }]
  return [
    { state: 'resolving', resolve: unresolved, port: 443, way: 'tcp' },
    { state: 'dialling', resolve: here, port: silent, way: 'tcp' },
    { state: 'dialling for TLS', resolve: here, port: silent, way: 'tls' },
    { state: 'shaking hands', resolve: here, port: mute, way: 'tls' },
  ] as const
}

test('a hang-up is heard in every state of a dial', async (t) => {
  for (const { state, resolve, port, way } of await stuckDials(t)) {
    const { hangup, leave } = createCaller()
    const dialling = createDialer({ ...options, resolve })[way]({ ...target, port }, hangup)
    setImmediate(leave)
    await assert.rejects(dialling, { code: 'client-closed' }, state)
    await assert.rejects(createDialer({ ...options, resolve })[way]({ ...target, port }, hangup), { code: 'client-closed' }, state)
  }
})

test('one deadline holds in every state of a dial, and the target’s own where that is shorter', async (t) => {
  for (const { state, resolve, port, way } of await stuckDials(t)) {
    const late = { code: 'origin-timeout', message: 'no connection to a.example within 20 ms' }
    await assert.rejects(createDialer({ ...options, resolve, connectTimeoutMs: 20 })[way]({ ...target, port }), late, state)
    await assert.rejects(createDialer({ ...options, resolve })[way]({ ...target, port, timeoutMs: 20 }), late, state)
  }
})

test('a dead address of a name costs a moment, whichever family it is of and whether it refuses or says nothing', async (t) => {
  if (!(await hasIpv6())) return t.skip('this machine has no ::1')
  for (const [live, dead] of [
    ['127.0.0.1', '::1'],
    ['::1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.2'],
  ] as const) {
    for (const isSilent of [false, true]) {
      const server = createServer((socket) => void socket.on('error', () => {})).listen(0, live)
      t.after(() => void server.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      if (isSilent) await startSilentListener(t, dead, port)
      for (const order of [
        [live, dead],
        [dead, live],
      ]) {
        const resolve: ResolveName = async () => order.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
        const socket = await createDialer({ ...options, resolve }).tcp({ ...target, port })
        assert.equal(socket.remoteAddress, live)
        socket.destroy()
      }
    }
  }
})

test('where no address answers, the operator learns what each of them said', async (t) => {
  const port = await listen(t, () => {})
  const resolve: ResolveName = async () => ['127.0.0.2', '127.0.0.3'].map((address) => ({ address, family: 4 }))
  await assert.rejects(createDialer({ ...options, resolve }).tcp({ ...target, port }), {
    code: 'origin-unreachable',
    message: 'a.example cannot be reached: ECONNREFUSED',
    forOperator: `port ${port}: 127.0.0.2 ECONNREFUSED, 127.0.0.3 ECONNREFUSED`,
  })
})

test('with too few descriptors left, no name is asked for and no origin is blamed', async () => {
  let asked = 0
  const resolve: ResolveName = async () => {
    asked += 1
    return [{ address: '127.0.0.1', family: 4 }]
  }
  const scarce = { code: 'connections-exceeded', forOperator: /^port 80: too few descriptors are left: raise RLIMIT_NOFILE/ }
  await assert.rejects(createDialer({ ...options, resolve, mayDial: () => false }).tcp({ ...target, port: 80 }), scarce)
  assert.equal(asked, 0)
  await assert.rejects(createDialer({ ...options, resolve, mayDial: () => asked === 0 }).tcp({ ...target, port: 80 }), scarce)
  assert.equal(asked, 1)
})

test('dials that no request waits for any more are given up, and not before', () => {
  const dials = new WantedDials()
  let stopped = 0
  dials.onGone(() => {
    stopped += 1
  })
  dials.enter()
  dials.enter()
  dials.leave()
  assert.equal(stopped, 0)
  dials.leave()
  assert.equal(stopped, 1)
})
