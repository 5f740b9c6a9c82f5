/** What origins do beside answering: they close kept connections, say something before the reply, and bytes behind it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { createServer } from '../support/sockets.ts'
import { opened, upgradeHeaders } from '../support/websocket.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Asked {
  readonly method: string
  readonly path: string
  /** Of the requests of its connection, from 1. */
  readonly nth: number
  readonly connection: number
}

interface Site {
  readonly installation: Installation
  readonly asked: Asked[]
  ask(method: string, path: string, rest?: string): Promise<string>
  settled(count: number): Promise<Record<string, unknown>>
}

const doors = ['proxy', 'services'] as const

/** `answer` is called for each request's head; small bodies come in the same segment. */
async function start(
  t: TestContext,
  answer: (socket: Socket, asked: Asked) => void,
  door: (typeof doors)[number] = 'proxy',
): Promise<Site> {
  const asked: Asked[] = []
  let connections = 0
  const server = createServer((socket) => {
    const connection = ++connections
    let nth = 0
    t.after(() => socket.destroy())
    socket
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        const [, method, path] = /^([A-Z]+) (\S+) HTTP/.exec(bytes.toString('latin1')) ?? []
        if (method === undefined || path === undefined) return
        const request = { method, path, nth: ++nth, connection }
        asked.push(request)
        answer(socket, request)
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const installation = createInstallation(t, {
    config: `http: { originTimeout: 5s }\nservices: [{ name: named, url: "http://localhost:${port}" }]`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'named', websocket: true }], network: [toLocalhost(port)] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const targetOf = (path: string) => (door === 'proxy' ? `http://localhost:${port}${path}` : `/services/named${path}`)
  const settled = () => installation.records().filter(({ type }) => type === 'settled')
  return {
    installation,
    asked,
    ask: (method, path, rest = '\r\n') =>
      exchangeRaw(
        proxyPort,
        `${method} ${targetOf(path)} HTTP/1.1\r\nHost: localhost:${port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${rest}`,
      ),
    async settled(count) {
      await eventually(`${count} are settled`, () => settled().length === count)
      return settled()[count - 1] as Record<string, unknown>
    },
  }
}

for (const door of doors)
  test(`${door}: an idempotent request whose kept connection the origin closes is asked once more, its small body too, and the record says so`, async (t) => {
    const { ask, asked, settled } = await start(
      t,
      (socket, { nth }) => {
        if (nth > 1) socket.resetAndDestroy()
        else socket.write(ok)
      },
      door,
    )
    let count = 0
    await eachCase(
      [
        ['GET', '\r\n'],
        ['OPTIONS', '\r\n'],
        ['PUT', 'Content-Length: 5\r\n\r\nhello'],
        ['DELETE', 'Content-Length: 5\r\n\r\nhello'],
        ['PUT', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
      ] as const,
      async ([method, rest]) => {
        // One that leaves a connection behind.
        assert.match(await ask('GET', '/first'), /^HTTP\/1\.1 200 .*ok$/s)
        assert.equal((await settled(++count))['attempts'], undefined)
        const before = asked.length
        assert.match(await ask(method, '/again', rest), /^HTTP\/1\.1 200 .*ok$/s, method)
        const record = await settled(++count)
        const { status, attempts, complete, retried, sentBytes } = record
        assert.deepEqual([status, attempts, complete], [200, 2, true])
        // The body went out twice, and its caller is charged for it once.
        const [former] = retried as [{ problem: string; sentBytes?: number }]
        assert.deepEqual([former.problem, former.sentBytes ?? 0, sentBytes], ['origin-failed', sentBytes, rest.includes('hello') ? 5 : 0])
        assert.deepEqual(
          asked.slice(before).map((item) => [item.method, item.path, item.nth]),
          [
            [method, '/again', 2],
            [method, '/again', 1],
          ],
        )
      },
    )
  })

for (const door of doors)
  test(`${door}: a POST whose kept connection the origin closes is not asked again`, async (t) => {
    const { ask, asked, settled } = await start(
      t,
      (socket, { nth }) => {
        if (nth > 1) socket.resetAndDestroy()
        else socket.write(ok)
      },
      door,
    )
    assert.match(await ask('GET', '/'), /^HTTP\/1\.1 200 /)
    assert.match(await ask('POST', '/once', 'Content-Length: 5\r\n\r\nhello'), /^HTTP\/1\.1 502 origin-failed/)
    assert.equal((await settled(2))['attempts'], undefined)
    assert.equal(asked.filter(({ path }) => path === '/once').length, 1)
  })

for (const door of doors)
  test(`${door}: a request that the origin began to answer, or closes a new connection on, is not asked again`, async (t) => {
    const { ask, asked, settled } = await start(
      t,
      (socket, { path, nth }) => {
        if (path === '/never') socket.resetAndDestroy()
        else if (nth > 1 && path === '/cut') socket.write('HT', () => socket.resetAndDestroy())
        else if (nth > 1) socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => socket.resetAndDestroy())
        else socket.write(ok)
      },
      door,
    )
    assert.match(await ask('GET', '/never'), /^HTTP\/1\.1 502 origin-failed/)
    assert.match(await ask('GET', '/'), /^HTTP\/1\.1 200 /)
    assert.match(await ask('GET', '/begun'), /^HTTP\/1\.1 502 origin-failed/)
    assert.match(await ask('GET', '/'), /^HTTP\/1\.1 200 /)
    assert.match(await ask('GET', '/cut'), /^HTTP\/1\.1 502 origin-failed/)
    await settled(5)
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/never', '/', '/begun', '/', '/cut'],
    )
  })

test('a WebSocket meets no connection that its service has closed meanwhile', async (t) => {
  const { ask } = await start(
    t,
    (socket, { path, nth }) => {
      if (nth > 1) socket.resetAndDestroy()
      else if (path === '/') socket.write(ok)
      else socket.end(opened())
    },
    'services',
  )
  assert.match(await ask('GET', '/'), /^HTTP\/1\.1 200 /)
  assert.match(await ask('GET', '/socket', `${upgradeHeaders}\r\n`), /^HTTP\/1\.1 101 /)
})

test('one that fails the second time too is told once, and the record says that it was asked twice', async (t) => {
  let closing = false
  const { ask, settled } = await start(t, (socket) => {
    if (closing) socket.resetAndDestroy()
    else socket.write(ok)
  })
  assert.match(await ask('GET', '/'), /^HTTP\/1\.1 200 /)
  closing = true
  assert.match(await ask('GET', '/'), /^HTTP\/1\.1 502 origin-failed/)
  assert.match(String((await settled(2))['detail']), /asked twice/)
})

test('informational replies are ignored, and a switch to a protocol that the caller did not ask for is refused, for a GET and for an upload', async (t) => {
  const { ask, asked } = await start(t, (socket, { path }) => {
    if (path === '/switch') socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbytes of x')
    else socket.write(`HTTP/1.1 ${path.slice(1)} Said First\r\nLink: </a>\r\n\r\n${ok}`)
  })
  await eachCase(
    [
      ['GET', '\r\n'],
      ['HEAD', '\r\n'],
      ['POST', 'Content-Length: 5\r\n\r\nhello'],
      ['POST', `Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
    ] as const,
    async ([method, rest]) => {
      await eachCase(['100', '102', '103', '199'], async (status) =>
        assert.match(
          await ask(method, `/${status}`, rest),
          method === 'HEAD' ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 200 .*ok$/s,
          `${method} ${status}`,
        ),
      )
      assert.match(await ask(method, '/switch', rest), /^HTTP\/1\.1 502 origin-failed/, method)
    },
  )
  assert.equal(asked.filter(({ path }) => path === '/switch').length, 4)
})

test('a body that must not be there, and bytes after a reply, are discarded: each request gets its own reply', async (t) => {
  const surplus = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong'
  const { ask, settled } = await start(t, (socket, { method, path }) => {
    if (path === '/ok') socket.write(ok)
    else if (method === 'HEAD') socket.write(`${ok}${surplus}`)
    else if (path === '/204' || path === '/304') socket.write(`HTTP/1.1 ${path.slice(1)} None\r\n\r\n${surplus}`)
    else socket.write(`${ok}${surplus}`)
  })
  let count = 0
  await eachCase(
    [
      ['HEAD', '/', '\r\n'],
      ['GET', '/204', '\r\n'],
      ['GET', '/304', '\r\n'],
      ['GET', '/behind', '\r\n'],
      ['POST', '/behind', `Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
    ] as const,
    async ([method, path, rest]) => {
      const reply = await ask(method, path, rest)
      assert.match(reply, new RegExp(`^HTTP/1\\.1 ${/\d+/.exec(path)?.[0] ?? 200} `), `${method} ${path}`)
      assert.doesNotMatch(reply, /wrong/)
      await settled(++count)
      assert.match(await ask('GET', '/ok'), /^HTTP\/1\.1 200 .*\r\n\r\nok$/s, `behind ${method} ${path}`)
      await settled(++count)
    },
  )
})
