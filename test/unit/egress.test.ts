/** Egress sockets between their dialling and their use. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { createDialer } from '../../src/resources/egress/dial.ts'
import { joinSockets } from '../../src/resources/egress/join.ts'

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
  const dialer = createDialer({
    resolve: async () => [],
    rule: { judge: () => {} },
    connectTimeoutMs: 5000,
    secureContext: createSecureContext(),
  })
  const socket = await dialer.tcp({ host: '127.0.0.1', port, allowed: [] })
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
