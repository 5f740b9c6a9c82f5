/** Callers that leave while the gateway keeps them waiting: its listener and its path over real sockets, with waits that nothing but a hang-up ends. */

import assert from 'node:assert/strict'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Arrival, Integration, Stations, TunnelRequest } from '../../src/core/index.ts'
import {
  createConnectionShares,
  createDoors,
  createErrorBoundary,
  createInterceptDoor,
  openListener,
  type ServingOptions,
} from '../../src/ingress/index.ts'
import { createPipeline, type Handle } from '../../src/pipeline.ts'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { connect, createServer } from '../support/sockets.ts'

const integration = { name: 'weather', limits: { connections: 100 } } as Integration
const anHour = 3_600_000
const linger = { timeoutMs: 30_000, maxBytes: 1024 }

/** Every arrival is one too many, and its refusal is kept back for an hour. */
function arrangePath() {
  const opened: string[] = []
  const settled: { readonly status: number; readonly problem: string | null }[] = []
  const stations = {
    limits: { arrive: () => 1, keepBack: () => anHour },
    auditLog: {
      behind: () => null,
      open: ({ door }: Arrival) => {
        opened.push(door)
        return { summed() {}, settled: (end: (typeof settled)[number]) => void settled.push(end), durable: () => null }
      },
    },
    usage: { settled() {} },
    exchanges: { began() {}, ended() {} },
    onRefusal() {},
    onBug: (error: unknown) => assert.fail(String(error)),
    onBytes() {},
    now: () => performance.now(),
  } as unknown as Stations
  return { opened, settled, handle: createPipeline(stations) }
}

function servingBy(handle: Handle): ServingOptions {
  const errorBoundary = createErrorBoundary((error) => assert.fail(String(error)))
  return {
    handle,
    nextId: () => 'r',
    errorBoundary,
    http: {},
    idleTimeoutMs: anHour,
    linger,
    maxStreams: 100,
    sessionKeeper: { keep: () => ({ suspect() {} }) },
  }
}

async function startListener(t: TestContext) {
  const path = arrangePath()
  const identify = () => ({ integration, identity: 'token' }) as const
  const connections = createConnectionShares(
    () => performance.now(),
    () => true,
  ).open({
    ...{ maxConnections: 100, maxUnidentified: 50, identifyTimeoutMs: anHour },
  })
  const options = {
    handle: path.handle,
    identify,
    nextId: () => 'r',
    requireShare() {},
    selfUrl: () => null,
    denyInside: () => Promise.reject(new Error('nothing is refused')),
  }
  const listener = await openListener({
    ...{ name: 'all', address: { host: '127.0.0.1', port: 0 }, serving: servingBy(path.handle), identify, connections },
    owner: () => null,
    doors: createDoors(['proxy', 'services', 'broker'], options, null),
  })
  t.after(() => {
    const drained = listener.drain()
    listener.destroy()
    return drained
  })
  const { port } = listener.address as { port: number }
  return { ...path, port }
}

const requests = {
  proxy: 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n',
  connect: 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n',
  services: 'GET /services/a/ HTTP/1.1\r\nHost: gateway\r\n\r\n',
  'services, WebSocket':
    'GET /services/a/ HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'broker, with a body': 'PUT /v1/files/a/b HTTP/1.1\r\nHost: gateway\r\nContent-Length: 100\r\n\r\nhalf',
  'proxy, what is no request': 'garbage\r\n\r\n',
}

test('a caller that resets its connection while its refusal is delayed is settled at once, through every door', async (t) => {
  const { opened, settled, port } = await startListener(t)
  await eachCase(Object.entries(requests), async ([what, request]) => {
    const [before, ended] = [opened.length, settled.length]
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    await eventually(`${what} has arrived`, () => opened.length > before)
    socket.resetAndDestroy()
    await eventually(`${what} is settled`, () => settled.length > ended)
    assert.equal(settled.length, ended + 1, what)
  })
  assert.deepEqual([...new Set(settled.map(({ status, problem }) => `${status} ${problem}`))], ['499 arrivals-exceeded'])
})

test('what stands behind a request whose refusal is kept back is not read', async (t) => {
  const { opened, port } = await startListener(t)
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(requests.proxy)
  await eventually('it has arrived', () => opened.length > 0)
  // Far more than the kernel holds for a connection: some of it never leaves.
  const burst = Buffer.from(requests.proxy.repeat(20_000))
  times(10, () => {
    socket.write(burst)
  })
  let leftBytes = -1
  await eventually('nothing leaves any more', () => {
    const isStill = leftBytes === socket.writableLength
    leftBytes = socket.writableLength
    return isStill
  })
  assert.ok(leftBytes > 0)
  assert.equal(opened.length, 1)
})

/** The port of a door that each connection is handed to as if its CONNECT had been allowed; its leaves are never made. */
async function startIntercepting(t: TestContext) {
  const { settled, handle } = arrangePath()
  const waiting = new Set<string>()
  const door = createInterceptDoor({
    offersHttp2: false,
    serving: servingBy(handle),
    secureContext: (_integration, host, _rsa, hangup) =>
      new Promise((_resolve, reject) => {
        waiting.add(host)
        hangup.onGone(() => {
          waiting.delete(host)
          reject(new Error('left'))
        })
      }),
    headersTimeoutMs: anHour,
  })
  const tunnel = { id: 'c', integration, target: { host: 'a.example', port: 443 }, identify: () => null } as unknown as TunnelRequest
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    void door.intercept(socket, Buffer.alloc(0), tunnel)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { settled, waiting, port: (server.address() as AddressInfo).port }
}

for (const [how, leave] of [
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ['ends', (socket: Socket) => socket.destroy()],
] as const)
  test(`a caller that ${how} its connection while it waits for a leaf waits no longer, and is recorded`, async (t) => {
    const { settled, waiting, port } = await startIntercepting(t)
    const socket = connect(port, '127.0.0.1')
    const secure = connectTls({ socket, servername: 'a.example' }).on('error', () => {})
    await eventually('it waits for a leaf', () => waiting.has('a.example'))
    leave(socket)
    await eventually('nothing waits', () => waiting.size === 0)
    await eventually('it is settled', () => settled.length === 1)
    secure.destroy()
  })
