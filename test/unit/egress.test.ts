/** Egress sockets between their dialling and their use. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSecureContext } from 'node:tls'
import type { Hangup, ServiceRequest } from '../../src/core/index.ts'
import { createAddressRule } from '../../src/egress/addresses.ts'
import { type Stop, unlessAborted } from '../../src/egress/deadline.ts'
import { createDialer } from '../../src/egress/dial.ts'
import { createDialPlaces, WantedDials } from '../../src/egress/dial-places.ts'
import { joinSockets } from '../../src/egress/join-sockets.ts'
import type { ResolveName } from '../../src/egress/resolve.ts'
import { createServiceProxy } from '../../src/resources/service/service-proxy.ts'
import { createCaller } from '../support/caller.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { hasIpv6 } from '../support/ipv6.ts'
import { noProgress } from '../support/outcome.ts'
import { startSilentListener } from '../support/silent-listener.ts'
import { connect, createServer } from '../support/sockets.ts'

const options = { rule: { judge: () => {} }, connectTimeoutMs: 60_000, secureContext: () => createSecureContext() }
const unresolved: ResolveName = (_name, _owner, signal) => unlessAborted(new Promise(() => {}), signal)
const target = { host: 'a.example', port: 443, allowed: [], owner: 'weather' }

const noMeter = { sent: () => null, received: () => null }
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
  await assert.rejects(
    joinSockets(caller, Buffer.alloc(0), origin, noMeter, { idleTimeoutMs: 60_000, idleProblem: null, lastsMs: undefined }),
    { code: 'ECONNRESET' },
  )
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
  await eachCase(await stuckDials(t), async ({ state, resolve, port, way }) => {
    const { hangup, leave } = createCaller()
    const dialling = createDialer({ ...options, resolve })[way]({ ...target, port }, hangup)
    setImmediate(leave)
    await assert.rejects(dialling, { code: 'client-closed' }, state)
    await assert.rejects(createDialer({ ...options, resolve })[way]({ ...target, port }, hangup), { code: 'client-closed' }, state)
  })
})

test('one deadline holds in every state of a dial, and the target’s own where that is shorter', async (t) => {
  await eachCase(await stuckDials(t), async ({ state, resolve, port, way }) => {
    const late = { code: 'origin-timeout', message: 'no connection to a.example within 20 ms' }
    await assert.rejects(createDialer({ ...options, resolve, connectTimeoutMs: 20 })[way]({ ...target, port }), late, state)
    await assert.rejects(createDialer({ ...options, resolve })[way]({ ...target, port, timeoutMs: 20 }), late, state)
  })
})

test('a dead address of a name costs a moment, whichever family it is of and whether it refuses or says nothing', async (t) => {
  if (!(await hasIpv6())) return t.skip('this machine has no ::1')
  await eachCase(
    [
      ['127.0.0.1', '::1'],
      ['::1', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.2'],
    ] as const,
    ([live, dead]) =>
      eachCase([false, true], async (isSilent) => {
        const server = createServer((socket) => void socket.on('error', () => {})).listen(0, live)
        t.after(() => void server.close())
        await once(server, 'listening')
        const { port } = server.address() as AddressInfo
        if (isSilent) await startSilentListener(t, dead, port)
        await eachCase(
          [
            [live, dead],
            [dead, live],
          ],
          async (order) => {
            const resolve: ResolveName = async () => order.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
            const socket = await createDialer({ ...options, resolve }).tcp({ ...target, port })
            assert.equal(socket.remoteAddress, live)
            socket.destroy()
          },
        )
      }),
  )
})

/** Listeners on several addresses of this machine at one port, and how often each was connected to. */
async function listenAtEach(t: TestContext, hosts: readonly string[]) {
  const connections: Record<string, number> = {}
  const port = await listen(t, () => {})
  await eachCase(hosts, async (host) => {
    connections[host] = 0
    const server = createServer((socket) => {
      connections[host] = (connections[host] ?? 0) + 1
      socket.on('error', () => {})
    }).listen(port, host)
    t.after(() => void server.close())
    await once(server, 'listening')
  })
  return { port, connections }
}

test('of several addresses one that may not be dialled keeps all from it, in whatever place it is', async (t) => {
  const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
  const { port, connections } = await listenAtEach(t, hosts)
  const resolve: ResolveName = async () => hosts.map((address) => ({ address, family: 4 }))
  const dialer = createDialer({ ...options, resolve, rule: createAddressRule(() => false) })
  await eachCase(hosts, async (forbidden) => {
    const allowed = hosts.filter((host) => host !== forbidden)
    await assert.rejects(dialer.tcp({ ...target, port, allowed }), { code: 'address-denied' })
  })
  // It would have been accepted by now: this one is.
  const socket = await dialer.tcp({ ...target, port, allowed: hosts })
  await eventually('it is accepted', () => connections[String(socket.remoteAddress)] === 1)
  assert.equal(
    Object.values(connections).reduce((sum, count) => sum + count),
    1,
  )
  socket.destroy()
})

test('what is dialled are the addresses that were judged, each of them, whatever the name leads to meanwhile', async (t) => {
  // Nobody listens at .3 and .4, so that each judged address is tried.
  const { port, connections } = await listenAtEach(t, ['127.0.0.2', '127.0.0.5'])
  const judged: string[] = []
  let asked = 0
  const resolve: ResolveName = async () => {
    asked += 1
    return (asked === 1 ? ['127.0.0.3', '127.0.0.4', '127.0.0.2'] : ['127.0.0.5']).map((address) => ({ address, family: 4 }))
  }
  const rule = { judge: (_host: string, address: string) => void judged.push(address) }
  const socket = await createDialer({ ...options, resolve, rule }).tcp({ ...target, port })
  assert.equal(socket.remoteAddress, '127.0.0.2')
  assert.deepEqual([judged, asked], [['127.0.0.3', '127.0.0.4', '127.0.0.2'], 1])
  await eventually('it is accepted', () => connections['127.0.0.2'] === 1)
  assert.equal(connections['127.0.0.5'], 0)
  socket.destroy()
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

/** `count` places of one owner. */
function createPlaces(count: number, giveUpIdle: () => number = () => 0) {
  let free = count
  const take = () => {
    if (free === 0) return false
    free -= 1
    return true
  }
  const give = () => {
    free += 1
  }
  return { free: () => free, ...createDialPlaces({ take, give, giveUpIdle }) }
}

test('a connection holds its place until it has closed, and a dial that fails gives it back, in whatever state', async (t) => {
  const port = await listen(t, (socket) => void socket.on('error', () => {}))
  const here: ResolveName = async () => [{ address: '127.0.0.1', family: 4 }]
  const places = createPlaces(1)
  const dialer = createDialer({ ...options, resolve: here, places })
  const socket = await dialer.tcp({ ...target, port })
  assert.equal(places.free(), 0)
  await assert.rejects(dialer.tcp({ ...target, port }), { code: 'connections-exceeded', forOperator: null })
  await once(socket.destroy(), 'close')
  assert.equal(places.free(), 1)
  await eachCase(await stuckDials(t), async ({ state, resolve, port: stuck, way }) => {
    const late = createDialer({ ...options, resolve, places, connectTimeoutMs: 20 })[way]({ ...target, port: stuck })
    assert.equal(places.free(), 0, state)
    await assert.rejects(late, { code: 'origin-timeout' }, state)
    assert.equal(places.free(), 1, state)
  })
  const forbidding = { judge: () => assert.fail('no') }
  await assert.rejects(createDialer({ ...options, rule: forbidding, resolve: here, places }).tcp({ ...target, port }))
  assert.equal(places.free(), 1)
})

test('each attempt at another address of a name needs a place; without one the next address is tried when one has failed', async (t) => {
  const silent = await startSilentListener(t, '127.0.0.2')
  await startSilentListener(t, '127.0.0.3', silent)
  const live = createServer((socket) => void socket.on('error', () => {})).listen(silent, '127.0.0.4')
  t.after(() => void live.close())
  await once(live, 'listening')
  const resolve: ResolveName = async () => ['127.0.0.2', '127.0.0.3', '127.0.0.4'].map((address) => ({ address, family: 4 }))
  const enough = createPlaces(3)
  const socket = await createDialer({ ...options, resolve, places: enough }).tcp({ ...target, port: silent })
  assert.equal(socket.remoteAddress, '127.0.0.4')
  assert.equal(enough.free(), 2)
  await once(socket.destroy(), 'close')
  assert.equal(enough.free(), 3)
  const places = createPlaces(1)
  const refusing: ResolveName = async () => ['127.0.0.5', '127.0.0.4'].map((address) => ({ address, family: 4 }))
  const second = await createDialer({ ...options, resolve: refusing, places: places }).tcp({ ...target, port: silent })
  assert.equal(second.remoteAddress, '127.0.0.4')
  await once(second.destroy(), 'close')
  assert.equal(places.free(), 1)
  const few = createPlaces(2)
  const dialling = createDialer({ ...options, resolve, places: few, connectTimeoutMs: 900 }).tcp({ ...target, port: silent })
  await assert.rejects(dialling, { code: 'origin-timeout' })
  assert.equal(few.free(), 2)
})

test('what is idle gives way, and whoever waits for it gets its place, or hears at once that nothing more comes', async () => {
  let idle = 1
  const places = createPlaces(2, () => {
    const given = idle
    idle = 0
    return given
  })
  const { signal } = new AbortController()
  assert.deepEqual([await places.enter('weather', signal), await places.enter('weather', signal)], [true, true])
  const waiting = places.enter('weather', signal)
  // One closes, and one waits for it already.
  assert.equal(await places.enter('weather', signal), false)
  places.give('weather')
  assert.equal(await waiting, true)
  assert.equal(await places.enter('weather', signal), false)
  // Whoever gave up holds up nobody.
  idle = 2
  const leaving = new AbortController()
  const left = places.enter('weather', leaving.signal)
  const next = places.enter('weather', signal)
  leaving.abort(new Error('left'))
  await assert.rejects(left, /left/)
  places.give('weather')
  places.give('weather')
  assert.equal(await next, true)
})

test('a dial for a service ends with the last request that waits for it: when the caller goes, and when the time is over', async () => {
  let stopped = 0
  let dials = 0
  const tcp = (_target: unknown, stop?: Stop) =>
    new Promise<never>((_, reject) => {
      dials += 1
      const forget = (stop as Hangup).onGone(() => {
        stopped += 1
        forget()
        reject(new Error('stopped'))
      })
    })
  const settings = { name: 'slow', url: new URL('http://slow.example'), headers: [], timeoutMs: 60_000, timeouts: {}, addresses: [] }
  const proxy = createServiceProxy(settings, { tcp, tls: tcp }, 60_000)
  const forward = (hangup: Hangup, timeoutMs?: number) => {
    const request = { integration: { name: 'weather' }, target: { method: 'GET', path: '/', query: '' }, headers: [], body: null, hangup }
    return proxy.forward(request as unknown as ServiceRequest, noProgress, {
      hangup,
      timeouts: {},
      retries: undefined,
      maxRequestBytes: 1,
      maxReplyBytes: 1,
      timeoutMs,
    })
  }
  const { hangup, leave } = createCaller()
  const left = forward(hangup)
  await eventually('it dials', () => dials === 1)
  leave()
  await assert.rejects(left, { code: 'client-closed' })
  assert.equal(stopped, 1)
  await assert.rejects(forward(createCaller().hangup, 20), { code: 'origin-timeout' })
  assert.deepEqual([dials, stopped], [2, 2])
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
