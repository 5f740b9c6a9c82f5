/** Inside an interception each request proves again who asks: the door alone, over real sockets, with a path of its own. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Arrival, type Identified, type Integration, type TunnelRequest, toProblem, toRefusal } from '../../src/core/index.ts'
import { createErrorBoundary, createInterceptDoor } from '../../src/ingress/index.ts'
import { exchangeRaw } from '../support/installation.ts'
import { createServer } from '../support/sockets.ts'

/** The port of a door that every connection is handed to as if its CONNECT had been allowed. */
async function startDoor(t: TestContext, identify: () => Identified | null, seen: (string | null)[]): Promise<number> {
  const tunnel = { id: 'c', target: { host: 'localhost', port: 80 }, identify } as TunnelRequest
  const handle = async (arrival: Arrival) => {
    const reply = answer(arrival, seen)
    return {
      reply,
      meter: { sent: () => null, received: () => null },
      refused: reply.status !== 200,
      refusal: null,
      settle() {},
      leave() {},
      fail() {},
    }
  }
  const door = createInterceptDoor({
    offersHttp2: false,
    serving: {
      ...{ handle, nextId: () => 'r', errorBoundary: createErrorBoundary(() => {}), http: {}, idleTimeoutMs: 60_000, maxStreams: 100 },
      linger: { timeoutMs: 30_000, maxBytes: 1024 },
      sessionKeeper: { keep: () => ({ suspect() {} }) },
    },
    secureContext: () => Promise.reject(new Error('no TLS here')),
    headersTimeoutMs: 60_000,
  })
  const server = createServer((socket) => void door.intercept(socket, Buffer.alloc(0), tunnel))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    door.close()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function answer(arrival: Arrival, seen: (string | null)[]) {
  try {
    seen.push(arrival.identify()?.integration.owner ?? null)
    return { status: 200, headers: [], body: Buffer.from('hello') }
  } catch (error) {
    return toProblem(toRefusal(error), arrival.id)
  }
}

const ownedBy = (owner: string): Identified => ({ integration: { owner } as Integration, identity: 'token' })

test('each request is asked in the name that the manifest in force gives; where none is proven any more, 407 ends the connection', async (t) => {
  const answers = [ownedBy('before'), ownedBy('after'), null]
  const seen: (string | null)[] = []
  const port = await startDoor(t, () => answers.shift() ?? null, seen)
  const whole = await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3))
  assert.deepEqual(seen, ['before', 'after'])
  assert.match(whole, /^HTTP\/1\.1 200 .*hello.*HTTP\/1\.1 200 .*hello.*HTTP\/1\.1 407 .*connection: close.*"code":"unidentified"/is)
})
