/** What both ends of an open WebSocket are told where the gateway itself ends it, through every door: a Close frame with a code, and nothing behind half a frame. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { join } from 'node:path'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { exchangeRaw, type Installation, proxyHeader } from '../support/installation.ts'
import { callersFrame, closeIn, frame } from '../support/websocket.ts'
import {
  startWebSocketDoors,
  type WebSocketDoor,
  type WebSocketDoors,
  type WebSocketEnd,
  webSocketDoors,
} from '../support/websocket-doors.ts'

type Pair = Awaited<ReturnType<WebSocketDoors['open']>>

const notAllowed = [1008, 'it is no longer allowed'] as const
const contain = ({ folder }: Installation, state: string) =>
  askGateway(join(folder, 'state/admin.sock'), 'POST', `/v1/integrations/weather/contain?state=${state}&reason=drill`)
const told = (end: WebSocketEnd) => eventually('it is told', () => closeIn(end.heard()))
const over = ({ stream }: WebSocketEnd) => eventually('it has ended', () => stream.readableEnded || stream.destroyed)
const problemsOf = ({ settled }: Pick<WebSocketDoors, 'settled'>) => settled().map(({ complete, problem }) => [complete, problem])

/** One through each door, in which each end has said something. */
async function openEach({ open }: WebSocketDoors): Promise<readonly Pair[]> {
  const pairs: Pair[] = []
  await eachCase(webSocketDoors, async (door) => {
    const pair = await open(door)
    pair.caller.stream.write(callersFrame('up'))
    pair.origin.stream.write(frame('down'))
    await eventually('both are heard', () => pair.origin.heard().byteLength > 0 && pair.caller.heard().byteLength > 0)
    pairs.push(pair)
  })
  return pairs
}

/** Both are told, whatever they send now reaches neither, and both are closed without a word of theirs. */
async function requireTold(pairs: readonly Pair[], why: readonly [number, string]): Promise<void> {
  await eachCase(pairs, async ({ caller, origin }) => {
    assert.deepEqual(await told(caller), why)
    assert.deepEqual(await told(origin), why)
    caller.stream.write(callersFrame('late'))
    await over(caller)
    await over(origin)
    assert.deepEqual([closeIn(caller.heard()), closeIn(origin.heard())], [why, why])
  })
}

test('a policy that no longer allows it closes a WebSocket with 1008', async (t) => {
  const doors = await startWebSocketDoors(t)
  const pairs = await openEach(doors)
  doors.allow(false)
  assert.equal((await doors.gateway.reload()).ok, true)
  await requireTold(pairs, notAllowed)
  await eventually('all are settled', () => doors.settled().length === pairs.length)
  assert.deepEqual(problemsOf(doors), Array(pairs.length).fill([false, 'policy-denied']))
})

test('an integration without rights loses its WebSockets with 1008, those inside tunnels that are denied now as well', async (t) => {
  const doors = await startWebSocketDoors(t)
  const pairs = await openEach(doors)
  doors.installation.write('integrations/weather.yaml', grant({}))
  assert.equal((await doors.gateway.reload()).ok, true)
  await requireTold(pairs, notAllowed)
  await eventually('all are settled', () => doors.settled().length === pairs.length)
  assert.deepEqual(problemsOf(doors), Array(pairs.length).fill([false, 'policy-denied']))
})

for (const state of ['suspended', 'killed'])
  test(`an integration that is ${state} loses its WebSockets with 1008`, async (t) => {
    const doors = await startWebSocketDoors(t)
    const pairs = await openEach(doors)
    assert.equal((await contain(doors.installation, state)).status, 200)
    await requireTold(pairs, notAllowed)
    await eventually('all are settled', () => doors.settled().length === pairs.length)
    assert.deepEqual(problemsOf(doors), Array(pairs.length).fill([false, state]))
  })

test('while the gateway shuts down messages pass, until a WebSocket is closed with 1001 before `drainTimeout` is over', async (t) => {
  const doors = await startWebSocketDoors(t, { config: 'drainTimeout: 4s' })
  const pairs = await openEach(doors)
  const closed = doors.gateway.close()
  await eachCase(pairs, async ({ caller, origin }) => {
    caller.stream.write(callersFrame('more'))
    await eventually('it passes', () => origin.heard().byteLength > callersFrame('upmore').byteLength)
  })
  await requireTold(pairs, [1001, 'the gateway is shutting down'])
  await closed
  assert.deepEqual(problemsOf(doors), Array(pairs.length).fill([false, 'draining']))
})

test('a WebSocket whose connection gives way to another integration on a full listener is closed with 1013', async (t) => {
  const doors = await startWebSocketDoors(t, {
    config: 'http: { originCa: ./origin-ca.crt, maxConnections: 6, maxUnidentifiedConnections: 2 }',
  })
  const { installation, gateway, open, proxyPort, plainPort } = doors
  installation.write('integrations/other.yaml', grant({ name: 'other', network: [toLocalhost(plainPort)] }))
  assert.equal((await gateway.reload()).ok, true)
  await times(3, async () => void (await open('proxy')))
  await eachCase(webSocketDoors, async (door) => {
    const newest = await open(door)
    const target = `localhost:${plainPort}`
    // The origin answers a WebSocket to whatever it is asked.
    await exchangeRaw(
      proxyPort,
      `GET http://${target}/ HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${proxyHeader('other')}\r\nConnection: close\r\n\r\n`,
    )
    await requireTold([newest], [1013, 'there are too many connections'])
  })
  await eventually('all are settled', () => doors.settled().length === webSocketDoors.length)
  assert.deepEqual(problemsOf(doors), Array(webSocketDoors.length).fill([false, 'connections-exceeded']))
})

test('an end in the midst of a frame is told nothing, and the other one is', async (t) => {
  const doors = await startWebSocketDoors(t)
  const { installation, open } = doors
  const half = { caller: callersFrame('whole').subarray(0, -2), origin: frame('whole').subarray(0, -2) }
  const pairs: (readonly [WebSocketDoor, Pair, Pair])[] = []
  await eachCase(webSocketDoors, async (door) => {
    const [up, down] = [await open(door), await open(door)]
    up.caller.stream.write(half.caller)
    down.origin.stream.write(half.origin)
    await eventually('it passes', () => up.origin.heard().equals(half.caller) && down.caller.heard().equals(half.origin))
    pairs.push([door, up, down])
  })
  assert.equal((await contain(installation, 'suspended')).status, 200)
  await eachCase(pairs, async ([, up, down]) => {
    assert.deepEqual(await told(up.caller), notAllowed)
    assert.deepEqual(await told(down.origin), notAllowed)
    await over(up.origin)
    await over(down.caller)
    assert.deepEqual([up.origin.heard(), down.caller.heard()], [half.caller, half.origin])
  })
})

test('what an end has not taken yet does not reach it once its integration is suspended, a Close frame neither', async (t) => {
  const doors = await startWebSocketDoors(t)
  const { installation, open } = doors
  const message = callersFrame(Buffer.alloc(60_000, 7))
  const pairs: Pair[] = []
  await eachCase(webSocketDoors, async (door) => {
    const pair = await open(door)
    pair.origin.stream.pause()
    await times(1000, () => void pair.caller.stream.write(message))
    pairs.push(pair)
  })
  await eventually('the gateway reads no more', () => pairs.every(({ caller }) => caller.stream.writableLength > 1_000_000))
  assert.equal((await contain(installation, 'suspended')).status, 200)
  await eachCase(pairs, async ({ caller, origin }) => {
    assert.deepEqual(await told(caller), notAllowed)
    origin.stream.resume()
    await over(origin)
    assert.equal(closeIn(origin.heard()), null)
  })
})

test('what else is open on a connection of HTTP/2 is cut at once as its WebSocket is told, and nothing new begins there', async (t) => {
  const doors = await startWebSocketDoors(t, {
    answer: (socket, accepting, head) =>
      void socket.write(head.includes('Upgrade') ? accepting : 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'),
  })
  const { installation, gateway, open } = doors
  const { caller, origin } = await open('http2')
  const session = (caller.stream as ClientHttp2Stream).session as ClientHttp2Session
  const { ':authority': authority } = (caller.stream as ClientHttp2Stream).sentHeaders
  const beside = session.request({ ':scheme': 'https', ':authority': authority, ':path': '/live' })
  beside.on('error', () => {})
  await once(beside, 'data')
  let isLeaving = false
  session.on('goaway', () => {
    isLeaving = true
  })
  installation.write('integrations/weather.yaml', grant({}))
  assert.equal((await gateway.reload()).ok, true)
  await eventually('the other is cut', () => beside.closed && isLeaving)
  assert.notEqual(beside.rstCode, 0)
  assert.deepEqual([await told(caller), await told(origin)], [notAllowed, notAllowed])
  await eventually('the connection is closed', () => session.destroyed)
})
