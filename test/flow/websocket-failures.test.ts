/** WebSockets through every door whose ends break off, fall silent, refuse or do not read: nothing is left behind, and the record says whose fault it was. */
import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { proxyHeader } from '../support/installation.ts'
import { everySlotIsFree } from '../support/slots.ts'
import { callersFrame, frame } from '../support/websocket.ts'
import {
  startWebSocketDoors,
  type WebSocketCaller,
  type WebSocketDoor,
  type WebSocketDoors,
  type WebSocketEnd,
  type WebSocketOrigin,
  webSocketDoors,
} from '../support/websocket-doors.ts'

/** An origin that answers every handshake with this status. */
async function startRefusing(t: TestContext, status: number) {
  const { ask, origins } = await startWebSocketDoors(t, {
    rights: { breaker: { minimumRequests: 4, errorThresholdPercent: 50, reset: '60s' } },
    answer: (socket) => void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`),
  })
  const statusOf = async (door: WebSocketDoor) => {
    const caller = await ask(door)
    const answer = await eventually('it is answered', () => caller.status())
    caller.stream.destroy()
    return answer
  }
  return { origins, statusOf }
}

test('handshakes that fail open the breaker of their origin, which then hears nothing more through any door', async (t) => {
  const { origins, statusOf } = await startRefusing(t, 503)
  await eachCase([['proxy', 'tunnel', 'http2 in the clear'], ['intercept', 'http2'], ['services']] as const, async (doors) => {
    const before = origins.length
    // Of a service the caller is not told what it answers to the operator's credential.
    const answered = doors[0] === 'services' ? 502 : 503
    await times(4, async (round) => assert.equal(await statusOf(doors[round % doors.length] as WebSocketDoor), answered))
    await eachCase(doors, async (door) => assert.equal(await statusOf(door), 503))
    assert.equal(origins.length, before + 4)
  })
})

test('an origin that refuses handshakes with 401 works, and opens no breaker', async (t) => {
  const { origins, statusOf } = await startRefusing(t, 401)
  await eachCase(webSocketDoors, (door) => times(3, async () => assert.equal(await statusOf(door), door === 'services' ? 502 : 401)))
  assert.equal(origins.length, 3 * webSocketDoors.length)
})

type Pair = Awaited<ReturnType<WebSocketDoors['open']>>
const over = ({ stream }: WebSocketEnd) => eventually('it has ended', () => stream.readableEnded || stream.destroyed)

/** How an open WebSocket ends, and what is recorded of it. */
const ends: Readonly<
  Record<string, { act(pair: Pair): Promise<unknown>; recorded: readonly [complete: boolean, problem: string | null] }>
> = {
  'the caller breaks off': {
    async act({ caller, origin }) {
      caller.reset()
      await over(origin)
    },
    recorded: [false, 'client-closed'],
  },
  'the origin breaks off': {
    async act({ caller, origin }) {
      origin.reset()
      await over(caller)
    },
    recorded: [false, 'origin-failed'],
  },
  'the caller ends, and then the origin': {
    act: ({ caller, origin }) => endInTurn(caller, origin, callersFrame('last')),
    recorded: [true, null],
  },
  'the origin ends, and then the caller': {
    act: ({ caller, origin }) => endInTurn(origin, caller, frame('last')),
    recorded: [true, null],
  },
}

async function endInTurn(first: WebSocketEnd, second: WebSocketEnd, last: Buffer): Promise<void> {
  first.stream.end(last)
  await over(second)
  assert.ok(second.heard().equals(last))
  second.stream.end()
}

test('however it ends, both ends are closed, it is settled once, and its slot is free', async (t) => {
  const { installation, open, settled } = await startWebSocketDoors(t)
  let count = 0
  await eachCase(webSocketDoors, (door) =>
    eachCase(Object.entries(ends), async ([, { act, recorded }]) => {
      const pair = await open(door)
      await act(pair)
      count += 1
      await eventually('it is settled', () => settled().length === count)
      const { complete, problem = null } = settled().at(-1) ?? {}
      assert.deepEqual([complete, problem], recorded)
      await over(pair.origin)
    }),
  )
  await eventually('every slot is free', () => everySlotIsFree(installation))
  assert.equal(settled().length, count)
})

/** How one ends that the origin has not opened. */
const early: Readonly<
  Record<string, { act(caller: WebSocketCaller, origin: WebSocketOrigin): unknown; recorded: readonly [number, string] }>
> = {
  'the caller breaks off': { act: (caller) => caller.reset(), recorded: [499, 'client-closed'] },
  'the caller breaks off behind bytes of its own': {
    act(caller) {
      caller.stream.write(callersFrame('early'), () => caller.reset())
    },
    recorded: [499, 'client-closed'],
  },
  'the origin breaks off': { act: (_caller, origin) => origin.reset(), recorded: [502, 'origin-failed'] },
  'the origin ends': { act: (_caller, { stream }) => void stream.end(), recorded: [502, 'origin-failed'] },
  'the origin ends within its answer': {
    act: (_caller, { stream }) => void stream.end('HTTP/1.1 101 Sw'),
    recorded: [502, 'origin-failed'],
  },
}

test('however it ends before it has opened, both ends are closed, it is settled once, and its slot is free', async (t) => {
  const { installation, ask, origins, settled } = await startWebSocketDoors(t, { answer: () => {} })
  let count = 0
  await eachCase(webSocketDoors, (door) =>
    eachCase(Object.entries(early), async ([, { act, recorded }]) => {
      const caller = await ask(door)
      const origin = await eventually('the origin is asked', () => origins[count])
      act(caller, origin)
      count += 1
      await eventually('it is settled', () => settled().length === count)
      const { status, problem = null } = settled().at(-1) ?? {}
      assert.deepEqual([status, problem], recorded)
      await over(origin)
      caller.stream.destroy()
    }),
  )
  await eventually('every slot is free', () => everySlotIsFree(installation))
  assert.equal(settled().length, count)
})

test('a policy that no longer allows WebSockets cuts them through every door, those that one end has ended too', async (t) => {
  const { installation, gateway, open, allow, settled } = await startWebSocketDoors(t)
  const pairs: Pair[] = []
  await eachCase(webSocketDoors, async (door) => {
    pairs.push(await open(door))
    const half = await open(door)
    half.caller.stream.end()
    await over(half.origin)
    pairs.push(half)
  })
  allow(false)
  assert.equal((await gateway.reload()).ok, true)
  await eachCase(pairs, async ({ caller, origin }) => {
    await over(caller)
    await over(origin)
  })
  await eventually('all are settled', () => settled().length === pairs.length)
  const recorded = settled().map(({ complete, problem = null }) => [complete, problem])
  assert.deepEqual(recorded, Array(pairs.length).fill([false, 'policy-denied']))
  const revoked = installation.records().filter(({ type }) => type === 'revoked')
  assert.deepEqual(
    revoked.map(({ rule }) => rule),
    Array(pairs.length).fill('default/deny'),
  )
  await eventually('every slot is free', () => everySlotIsFree(installation))
})

test('once its origin has closed, a WebSocket is not kept by a caller that goes on sending', async (t) => {
  const { installation, open, settled } = await startWebSocketDoors(t)
  const callers: WebSocketCaller[] = []
  await eachCase(webSocketDoors, async (door) => {
    const { caller, origin } = await open(door)
    callers.push(caller)
    const pings = setInterval(() => caller.stream.write(callersFrame('', { opcode: 9 })), 20)
    caller.stream.once('close', () => clearInterval(pings))
    t.after(() => clearInterval(pings))
    origin.stream.end()
    origin.stream.destroySoon()
  })
  await eventually('all are closed', () => callers.every(({ stream }) => stream.destroyed))
  await eventually('every slot is free', () => everySlotIsFree(installation))
  const recorded = settled().map(({ complete, problem = null }) => [complete, problem])
  assert.deepEqual(recorded, Array(callers.length).fill([true, null]))
})

test('what one end does not read is not read from the other, through any door', async (t) => {
  const { open, settled } = await startWebSocketDoors(t, { config: 'websockets: { idleTimeout: 1s, messagesPerSecond: 1000000 }' })
  const bytes = 64 * 1024 * 1024
  const message = 'x'.repeat(1024 * 1024)
  const pour = (from: WebSocketEnd, to: WebSocketEnd, piece: Buffer) => {
    to.stream.removeAllListeners('data').pause()
    times(64, () => void from.stream.write(piece))
  }
  await eachCase(webSocketDoors, async (door) => {
    const [up, down] = [await open(door), await open(door)]
    pour(up.caller, up.origin, callersFrame(message))
    pour(down.origin, down.caller, frame(message))
  })
  await eventually('all are settled', () => settled().length === 2 * webSocketDoors.length)
  // What the buffers of the kernel take has passed.
  const passed = settled().map(({ sentBytes, receivedBytes }) => Number(sentBytes) + Number(receivedBytes))
  assert.ok(
    passed.every((each) => each < bytes / 2),
    String(passed),
  )
})

test('a caller over HTTP/2 that does not take the refusal of its WebSocket is reset after `http.idleTimeout`', async (t) => {
  const { proxyPort, plainPort } = await startWebSocketDoors(t, {
    config: 'http: { originCa: ./origin-ca.crt, idleTimeout: 500ms }',
    answer: (socket) => void socket.destroy(),
  })
  const session = connectHttp2(`http://127.0.0.1:${proxyPort}`, { settings: { initialWindowSize: 0 } }).on('error', () => {})
  t.after(() => session.destroy())
  await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()))
  const stream = session.request({
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/live', ':authority': `localhost:${plainPort}` },
    ...{ 'proxy-authorization': proxyHeader('weather'), 'sec-websocket-version': '13' },
  })
  let status: unknown
  stream
    .on('error', () => {})
    .on('response', (headers) => {
      status = headers[':status']
    })
  await eventually('it is reset', () => stream.closed)
  assert.deepEqual([status, stream.rstCode], [502, 8])
})
