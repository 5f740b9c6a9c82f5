/** A WebSocket whose caller has left while it was decided, or what was written down of that. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type HeaderList, Refusal } from '../../src/core/index.ts'
import { openWebSocket } from '../../src/websocket/index.ts'

const silent = { dialling() {}, dialled() {}, started() {}, answered() {}, retrying() {}, outgoing: (headers: HeaderList) => headers }
const request = { id: 'r1', integration: { name: 'weather' }, target: { method: 'GET', host: 'api.example.com' }, headers: [] }

test('for a caller that has left nothing is dialled, and it ends as client-closed', async () => {
  const caller = new PassThrough()
  caller.destroy()
  let dialled = 0
  const ended = openWebSocket({
    ...{ caller, head: Buffer.alloc(0), path: '/live', progress: silent, timeoutMs: 1000, timeouts: {} },
    request: request as never,
    opening: { accept() {}, refuse() {}, decline() {} },
    meter: { sent: () => null, received: () => null },
    bounds: { maxMessageBytes: 1024, messagesPerSecond: 10, idleTimeoutMs: 1000 },
    dial() {
      dialled += 1
      return Promise.reject(new Error('it was dialled'))
    },
  })
  await assert.rejects(ended, (error) => error instanceof Refusal && error.code === 'client-closed')
  assert.equal(dialled, 0)
})
