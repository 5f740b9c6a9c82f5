/** What the two ends of a WebSocket are sent as the gateway closes it, where one of them does not read. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { HttpRequest, Meter } from '../../src/core/index.ts'
import { openWebSocket } from '../../src/websocket/index.ts'
import { eventually } from '../support/eventually.ts'
import { noProgress } from '../support/outcome.ts'
import { callersFrame, frame, opened } from '../support/websocket.ts'

const meter: Meter = { sent: () => null, received: () => null }
const key = 'dGhlIHNhbXBsZSBub25jZQ=='

function begin(callersSide: Duplex, dial: () => Promise<Duplex>): Promise<void> {
  const request = { headers: ['sec-websocket-key', key], integration: { name: 'weather' }, target: { host: 'localhost' }, id: 'id' }
  return openWebSocket({
    ...{ caller: callersSide, head: Buffer.alloc(0), meter, progress: noProgress, path: '/', timeoutMs: 60_000, timeouts: {} },
    request: request as unknown as HttpRequest,
    bounds: { maxMessageBytes: 10_000_000, messagesPerSecond: 10_000, idleTimeoutMs: 60_000 },
    dial: dial as never,
    opening: { accept: () => void callersSide.write('open'), refuse() {}, decline() {} },
  })
}

/** A WebSocket over streams in memory, whose destination has read the handshake and nothing behind it. */
async function openUnread(t: TestContext) {
  const [caller, callersSide] = duplexPair()
  const [origin, originsSide] = duplexPair()
  begin(callersSide, async () => originsSide).catch(() => {})
  t.after(() => {
    caller.destroy()
    origin.destroy()
  })
  await once(origin, 'readable')
  origin.read()
  origin.write(opened())
  await once(caller, 'readable')
  caller.read()
  return { caller, origin, callersSide }
}

/** Everything from now on. */
function hear(stream: Duplex): () => Buffer {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks)
}

test('a Close frame for the destination stands behind everything that its caller has sent, and completes no frame', async (t) => {
  const { caller, origin, callersSide } = await openUnread(t)
  const message = callersFrame(Buffer.alloc(200_000, 7))
  // In two pieces, of which the second waits until the destination reads.
  caller.write(message.subarray(0, -20))
  caller.write(message.subarray(-20))
  await eventually('the gateway has read all', () => callersSide.readableLength === 0 && caller.writableLength === 0)
  origin.write(frame('x', { opcode: 3 }))
  const told = hear(caller)
  await eventually('the caller is told', () =>
    told()
      .subarray(0, 1)
      .equals(Buffer.from([0x88])),
  )
  const heard = hear(origin)
  await eventually('the destination is told', () => heard().byteLength > message.byteLength)
  assert.ok(heard().subarray(0, message.byteLength).equals(message))
  assert.equal(heard()[message.byteLength], 0x88)
})

test('for a caller that has left, or was cut, before it begins nothing is dialled', async () => {
  const [, callersSide] = duplexPair()
  callersSide.destroy()
  let dials = 0
  const dial = () => {
    dials += 1
    return Promise.reject(new Error('nobody is there'))
  }
  await assert.rejects(begin(callersSide, dial), { code: 'client-closed' })
  assert.equal(dials, 0)
})
