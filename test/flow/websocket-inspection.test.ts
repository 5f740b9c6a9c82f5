/** The one interface through which messages of WebSockets are looked at: whole, unmasked and inflated, before a byte of them passes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { constants, deflateRawSync } from 'node:zlib'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { BrokenOff, type HttpRequest, type Meter } from '../../src/core/index.ts'
import { Direction } from '../../src/websocket/bounds.ts'
import { type InspectMessage, openWebSocket, type WebSocketMessage } from '../../src/websocket/index.ts'
import { Inspection } from '../../src/websocket/inspection.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { noProgress } from '../support/outcome.ts'
import { connect } from '../support/sockets.ts'
import { callersFrame, upgradeHeaders } from '../support/websocket.ts'

const maxMessageBytes = 100_000

/** An echo by `ws`, and in front of it WebSockets that are opened as the gateway opens them, with something that looks at each message. */
async function arrange(t: TestContext, inspect: InspectMessage, idleTimeoutMs = 60_000) {
  const heard: string[] = []
  const passed = { sent: 0, received: 0 }
  const ends: unknown[] = []
  const meter: Meter = {
    sent(bytes) {
      passed.sent += bytes
      return null
    },
    received(bytes) {
      passed.received += bytes
      return null
    },
  }
  const origin = createServer()
  const echo = new WebSocketServer({ server: origin, perMessageDeflate: { threshold: 0 } })
  echo.on('connection', (socket) =>
    socket
      .on('error', () => {})
      .on('message', (data, isBinary) => {
        heard.push(String(data))
        socket.send(data, { binary: isBinary })
      }),
  )
  await once(origin.listen(0, '127.0.0.1'), 'listening')
  const { port } = origin.address() as AddressInfo
  const front = createServer()
  front.on('upgrade', (req, caller: Duplex, head: Buffer) => {
    // A test that ends leaves, and what it has not read makes that a reset.
    caller.on('error', () => {})
    const headers = Object.entries(req.headers).flatMap(([name, value]) =>
      name === 'connection' || name === 'upgrade' ? [] : [name, String(value)],
    )
    const target = { host: 'localhost', method: 'GET' }
    openWebSocket({
      ...{ caller, head, meter, progress: noProgress, inspect, path: '/', timeoutMs: 60_000, timeouts: {} },
      request: { headers, integration: { name: 'weather' }, target, id: 'id' } as unknown as HttpRequest,
      bounds: { maxMessageBytes, messagesPerSecond: 10_000, idleTimeoutMs },
      dial: async () => {
        const socket = connect(port, '127.0.0.1')
        await once(socket, 'connect')
        return socket
      },
      opening: {
        accept(agreed) {
          const lines = agreed.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
          caller.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines}\r\n`)
        },
        refuse: ({ status }) => void caller.end(`HTTP/1.1 ${status} No\r\n\r\n`),
        decline() {},
      },
    }).then(
      () => ends.push(null),
      (error: unknown) => ends.push(error),
    )
  })
  await once(front.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    eachCase(echo.clients, (client) => {
      client.terminate()
    })
    origin.close()
    front.close()
  })
  const { port: frontPort } = front.address() as AddressInfo
  const open = async (options: ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${frontPort}/`, options)
    t.after(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
  return { open, frontPort, heard, passed, ends }
}

const variants = {
  'not compressed': { perMessageDeflate: false },
  compressed: { perMessageDeflate: { threshold: 0 } },
  'compressed each by itself': { perMessageDeflate: { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true } },
  'compressed in a small window': { perMessageDeflate: { threshold: 0, clientMaxWindowBits: 9, serverMaxWindowBits: 10 } },
} as const

for (const [how, options] of Object.entries(variants))
  test(`messages that are ${how} are looked at whole, both ways and in order, and arrive as they were`, async (t) => {
    const seen: WebSocketMessage[] = []
    const { open } = await arrange(t, (message) => void seen.push(message))
    const socket = await open(options)
    const said = ['', 'a', 'b'.repeat(70_000), 'é'.repeat(1000), 'a', JSON.stringify({ a: [...Array(500).keys()] })]
    const answers: string[] = []
    socket.on('message', (data) => answers.push(String(data)))
    eachCase(said, (text) => {
      socket.send(text)
    })
    socket.ping()
    await eventually('all have come back', () => answers.length === said.length)
    assert.deepEqual(answers, said)
    const from = (end: WebSocketMessage['from']) => seen.filter((message) => message.from === end).map(({ content }) => String(content))
    assert.deepEqual([from('caller'), from('destination')], [said, said])
    assert.ok(seen.every(({ isText }) => isText))
    socket.send(Buffer.from([1, 2, 3]))
    await once(socket, 'message')
    assert.deepEqual([seen.at(-1)?.isText, seen.at(-1)?.content], [false, Buffer.from([1, 2, 3])])
  })

test('fragments are one message, a ping between them is none, and nothing passes before it is looked at', async (t) => {
  const verdict = Promise.withResolvers<void>()
  const seen: string[] = []
  const { frontPort, heard, passed } = await arrange(t, ({ content }) => {
    seen.push(String(content))
    return verdict.promise
  })
  const socket = connect(frontPort, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${upgradeHeaders}\r\n`)
  await once(socket, 'data')
  socket.write(callersFrame('one ', { opcode: 1, isFinal: false }))
  socket.write(callersFrame('', { opcode: 9 }))
  socket.write(callersFrame('two ', { opcode: 0, isFinal: false }))
  socket.write(callersFrame('three', { opcode: 0 }))
  await eventually('it is looked at', () => seen.length === 1)
  assert.deepEqual([seen, heard, passed.sent], [['one two three'], [], 0])
  verdict.resolve()
  await eventually('it has passed', () => heard.length === 1)
  assert.deepEqual([heard, passed.sent], [['one two three'], 10 + 6 + 10 + 11])
})

test('a message that is not allowed closes both ends with 1008, without a word of why, and does not arrive', async (t) => {
  const { open, heard, ends } = await arrange(t, ({ content }) => {
    assert.notEqual(String(content), 'secret')
  })
  const socket = await open(variants.compressed)
  socket.send('fine')
  await once(socket, 'message')
  socket.send('secret')
  const [code, reason] = await once(socket, 'close')
  assert.deepEqual([code, String(reason), heard], [1008, 'a message is not allowed', ['fine']])
  await eventually('it has ended', () => ends.length === 1)
  assert.ok(ends[0] instanceof BrokenOff && ends[0].problem === 'policy-denied')
})

for (const from of ['caller', 'destination'])
  test(`what looks at messages and never answers for one of the ${from} does not hold the connection: both ends are closed with 1011`, async (t) => {
    const verdict = Promise.withResolvers<void>()
    const { open, heard, ends } = await arrange(t, (message) => (message.from === from ? verdict.promise : undefined), 500)
    const socket = await open()
    const answers: unknown[] = []
    socket.on('message', (data) => answers.push(data))
    socket.send('waits')
    const [code, reason] = await once(socket, 'close')
    assert.deepEqual([code, String(reason)], [1011, 'a message was not looked at in time'])
    await eventually('it has ended', () => ends.length === 1)
    assert.ok(ends[0] instanceof BrokenOff && ends[0].problem === 'policy-failed')
    verdict.resolve()
    await verdict.promise
    assert.deepEqual([heard, answers], [from === 'caller' ? [] : ['waits'], []])
  })

test('each message has the whole time to be looked at, also where several come at once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const looks = [0, 1].map(() => ({ begun: Promise.withResolvers<void>(), verdict: Promise.withResolvers<void>() }))
  const left = looks.values()
  const inspection = new Inspection({
    ...{ from: 'caller', maxMessageBytes: 1000, idleTimeoutMs: 500, deflate: null },
    inspect() {
      const look = left.next().value
      look?.begun.resolve()
      return look?.verdict.promise
    },
  })
  const direction = new Direction({
    ...{ maxMessageBytes: 1000, messagesPerSecond: 10, isMasked: true, mayCompress: false, now: () => 0, inspection },
  })
  const both = Buffer.concat([callersFrame('one'), callersFrame('two')])
  direction.check(both)
  const released = direction.released(both)
  await eachCase(looks, async ({ begun, verdict }) => {
    await begun.promise
    t.mock.timers.tick(400)
    verdict.resolve()
  })
  assert.deepEqual(await released, both)
})

test('a message that inflates beyond the bound is not inflated to its end, and closes with 1009', async (t) => {
  const seen: unknown[] = []
  const { frontPort, heard, ends } = await arrange(t, (message) => void seen.push(message))
  const socket = connect(frontPort, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${upgradeHeaders}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`)
  await once(socket, 'data')
  // A gigabyte for each megabyte; one message of 90 KB is some 90 MB.
  socket.write(callersFrame(deflateRawSync(Buffer.alloc(90_000_000)), { opcode: 2, reserved: 4 }))
  const [close] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([close[0], close.readUInt16BE(2)], [0x88, 1009])
  await eventually('it has ended', () => ends.length === 1)
  assert.ok(ends[0] instanceof BrokenOff && ends[0].problem === 'payload-too-large')
  assert.deepEqual([seen, heard], [[], []])
})

test('what cannot be inflated closes with 1002', async (t) => {
  const { frontPort, heard } = await arrange(t, () => {})
  const socket = connect(frontPort, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${upgradeHeaders}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`)
  await once(socket, 'data')
  socket.write(callersFrame(Buffer.from([0xff, 0xff, 0xff]), { reserved: 4 }))
  const [close] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([close[0], close.readUInt16BE(2), heard], [0x88, 1002, []])
})

/** A caller whose messages are compressed, by hand. */
async function openCompressed(t: TestContext, frontPort: number) {
  const socket = connect(frontPort, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${upgradeHeaders}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`)
  await once(socket, 'data')
  return socket
}
const toBeContinued = (text: string) => deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)

test('a message that says it is the last of its compression hides none of those behind it (RFC 7692 §7.2.3.4)', async (t) => {
  const seen: string[] = []
  const { frontPort, heard } = await arrange(t, ({ from, content }) => void (from === 'caller' && seen.push(String(content))))
  const socket = await openCompressed(t, frontPort)
  const said = [
    deflateRawSync('one'),
    toBeContinued('two'),
    Buffer.concat([deflateRawSync('three'), Buffer.alloc(1)]),
    toBeContinued('four'),
  ]
  socket.write(Buffer.concat(said.map((content) => callersFrame(content, { opcode: 1, reserved: 4 }))))
  await eventually('all have come', () => heard.length === 4)
  assert.deepEqual([seen, heard], [['one', 'two', 'three', 'four'], seen])
})

test('what goes on behind the last block of a compressed message closes with 1002: ends could read it or not', async (t) => {
  const seen: string[] = []
  const { frontPort, heard } = await arrange(t, ({ content }) => void seen.push(String(content)))
  const socket = await openCompressed(t, frontPort)
  socket.write(callersFrame(Buffer.concat([deflateRawSync('fine'), toBeContinued('hidden')]), { reserved: 4 }))
  const [close] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([close[0], close.readUInt16BE(2), seen, heard], [0x88, 1002, [], []])
})

test('a message that comes in a hundred thousand pieces is held until its end, and costs no more for that', async () => {
  const seen: number[] = []
  const inspection = new Inspection({
    ...{ from: 'caller', maxMessageBytes: 1_000_000, idleTimeoutMs: 60_000, deflate: null },
    inspect: ({ content }) => void seen.push(content.byteLength),
  })
  const direction = new Direction({
    ...{ maxMessageBytes: 1_000_000, messagesPerSecond: 1, isMasked: true, mayCompress: false, now: () => 0, inspection },
  })
  const message = callersFrame(Buffer.alloc(500_000))
  const pieces = Array.from({ length: 100_000 }, (_, i) => message.subarray(5 * i, i === 99_999 ? message.byteLength : 5 * (i + 1)))
  let passed = 0
  await eachCase(pieces, async (piece) => {
    direction.check(piece)
    passed += (await direction.released(piece))?.byteLength ?? 0
  })
  assert.deepEqual([seen, passed], [[500_000], message.byteLength])
})
