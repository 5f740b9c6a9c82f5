/** What the operator is told where a gateway does not answer whole: it may have done what it was asked. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { createFolder } from '../support/folder.ts'
import { createServer } from '../support/sockets.ts'

async function serve(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const path = join(createFolder(t), 'admin.sock')
  const server = createServer((socket) => {
    t.after(() => socket.destroy())
    socket.on('error', () => {}).once('data', () => answer(socket))
  }).listen(path)
  await once(server, 'listening')
  t.after(() => server.close())
  return path
}

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n'

const minuteMs = 60_000
for (const [what, answer, timeoutMs, expected] of [
  ['breaks off before its answer', (socket: Socket) => socket.destroy(), minuteMs, /broke off .*may have happened/],
  [
    'breaks off in its answer',
    (socket: Socket) => socket.write(`${head}{`, () => socket.destroy()),
    minuteMs,
    /broke off .*may have happened/,
  ],
  ['stalls before its answer', () => {}, 100, /said nothing for 100 ms; .*may still happen/],
  ['stalls in its answer', (socket: Socket) => socket.write(`${head}{`), 100, /said nothing for 100 ms; .*may still happen/],
  ['answers with what is not JSON', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'), minuteMs, /broke off/],
] as const)
  test(`a gateway that ${what} is not said to be stopped`, async (t) => {
    const path = await serve(t, answer)
    await assert.rejects(askGateway(path, 'POST', '/v1/reload', timeoutMs), { name: 'CommandError', message: expected })
  })

test('where there is no gateway, the operator is told to start one', async (t) => {
  const path = join(createFolder(t), 'admin.sock')
  await assert.rejects(askGateway(path, 'GET', '/v1/status'), { message: /not running; start it/ })
})
