/** The limits of an integration, and what an operator does, hold for WebSockets through every door. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { callersFrame, frame } from '../support/websocket.ts'
import { startWebSocketDoors, type WebSocketCaller, type WebSocketEnd, webSocketDoors } from '../support/websocket-doors.ts'

const networkDoors = webSocketDoors.filter((door) => door !== 'services')
const statusOf = (caller: WebSocketCaller) => eventually('it is answered', () => caller.status())
const over = ({ stream }: WebSocketEnd) => eventually('it has ended', () => stream.readableEnded || stream.destroyed)

test('an open WebSocket takes one of limits.concurrency until it has ended', async (t) => {
  const { ask, open, settled } = await startWebSocketDoors(t, { rights: { limits: { concurrency: 1 } } })
  await eachCase(webSocketDoors, async (door) => {
    const { caller, origin } = await open(door)
    const before = settled().length
    const second = await ask(door)
    assert.equal(await statusOf(second), 429)
    second.stream.destroy()
    caller.stream.end()
    origin.stream.end()
    await eventually('the first has ended', () => settled().length > before)
  })
})

test('a private address that the capability does not name is not dialled for a WebSocket', async (t) => {
  const { ask, origins, settled } = await startWebSocketDoors(t, { network: { addresses: [] } })
  await eachCase(networkDoors, async (door) => {
    const caller = await ask(door)
    assert.equal(await statusOf(caller), 403)
    await eventually('it is recorded', () => settled().at(-1)?.['problem'] === 'address-denied')
    caller.stream.destroy()
  })
  assert.equal(origins.length, 0)
})

test('maxRequest and maxReply hold for everything that a WebSocket carries', async (t) => {
  const { open, settled } = await startWebSocketDoors(t, { network: { maxRequest: '1000B', maxReply: '1000B' } })
  const exceed = async (from: WebSocketEnd, to: WebSocketEnd, make: typeof frame) => {
    from.stream.write(make('x'.repeat(900)))
    await eventually('it has come', () => to.heard().equals(make('x'.repeat(900))))
    from.stream.write(make('x'.repeat(100)))
    await over(to)
  }
  await eachCase(networkDoors, async (door) => {
    const [sending, hearing] = [await open(door), await open(door)]
    await exceed(sending.caller, sending.origin, callersFrame)
    sending.caller.reset()
    await eventually('it is recorded', () => settled().at(-1)?.['problem'] === 'payload-too-large')
    await exceed(hearing.origin, hearing.caller, frame)
    hearing.caller.reset()
    await eventually('it is recorded', () => settled().at(-1)?.['problem'] === 'reply-too-large')
  })
})

test('a gateway that shuts down cuts the WebSockets that are left at its drainTimeout', async (t) => {
  const { gateway, open, settled } = await startWebSocketDoors(t, { config: 'drainTimeout: 500ms' })
  const callers: WebSocketCaller[] = []
  await eachCase(webSocketDoors, async (door) => void callers.push((await open(door)).caller))
  await gateway.close()
  await eachCase(callers, over)
  assert.deepEqual(
    settled().map(({ status, complete }) => [status, complete]),
    Array(callers.length).fill([101, false]),
  )
})

test('a suspended integration loses its WebSockets through every door, and opens no more', async (t) => {
  const { installation, ask, open, settled } = await startWebSocketDoors(t)
  const pairs: Awaited<ReturnType<typeof open>>[] = []
  await eachCase(webSocketDoors, async (door) => void pairs.push(await open(door)))
  await askGateway(join(installation.folder, 'state/admin.sock'), 'POST', '/v1/integrations/weather/suspend')
  await eachCase(pairs, async ({ caller, origin }) => {
    await over(caller)
    await over(origin)
  })
  await eventually('all are settled', () => settled().length === pairs.length)
  assert.ok(settled().every(({ complete }) => complete === false))
  await eachCase(['proxy', 'services'] as const, async (door) => {
    const caller = await ask(door)
    assert.equal(await statusOf(caller), 403)
    caller.stream.destroy()
  })
})
