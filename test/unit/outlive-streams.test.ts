/** The native part of an HTTP/2 session is kept until what Node frees with it has been freed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSessionKeeper } from '../../src/sockets/index.ts'
import { until } from '../support/cases.ts'
import { createServer } from '../support/sockets.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** What has been collected is told in later turns. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Of a session that has been closed: its native part, held by nothing here. */
async function closedSession(t: TestContext, keep: (session: ServerHttp2Session) => void): Promise<WeakRef<object>> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const session = performServerHandshake(socket)
  keep(session)
  const name = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle') as symbol
  const part = new WeakRef((session as unknown as Record<symbol, object>)[name] as object)
  const closed = once(session, 'close')
  client.destroy()
  session.destroy()
  await closed
  return part
}

test('the native part of a closed session with a stream that may hold fields outlives a collection, and is let go of after another one', async (t) => {
  const keeper = createSessionKeeper()
  const part = await closedSession(t, (session) => keeper.keep(session).suspect())
  // A reference that was just made, or read, holds what it is to until the turn is over.
  await turn()
  collect()
  assert.notEqual(part.deref(), undefined)
  await until(
    () => part.deref() === undefined,
    async () => {
      await turn()
      collect()
      await turn()
    },
  )
})

test('the first collection takes that of any other', async (t) => {
  const keeper = createSessionKeeper()
  const part = await closedSession(t, (session) => void keeper.keep(session))
  await turn()
  collect()
  assert.equal(part.deref(), undefined)
})
