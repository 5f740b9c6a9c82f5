/** Callers and origins that break off at the worst moment, or say what no protocol foresees: one of them never takes the gateway with it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { times, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startChild, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect, createServer } from '../support/sockets.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const connectTo = (port: number) => `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n${auth}\r\n`
const get = (port: number, path = '/', close = true) =>
  `GET http://localhost:${port}${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${auth}${close ? 'Connection: close\r\n' : ''}\r\n`

/** A TCP server that does with each connection what it is told. */
async function startRaw(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => void socket.destroy())
    onSocket(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

test('an origin that resets as soon as a tunnel to it opens ends that tunnel and nothing else', async (t) => {
  const resetting = await startRaw(t, (socket) => socket.resetAndDestroy())
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(resetting, { tls: 'tunnel' })] }),
    },
  })
  const child = await startChild(t, installation)
  await times(50, () => exchangeRaw(child.proxyPort, connectTo(resetting)).catch(() => {}))
  assert.match(await exchangeRaw(child.proxyPort, get(resetting)), /^HTTP\/1\.1 403 /)
  assert.equal(child.process.exitCode, null, child.stderr())
})

test('a caller that resets after a CONNECT that no door serves ends its own connection and nothing else', async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: broker, address: "127.0.0.1:0", doors: [broker] }]',
    manifests: { 'weather.yaml': grant() },
  })
  const child = await startChild(t, installation)
  await times(50, async () => {
    const socket = connect(child.proxyPort, '127.0.0.1')
    socket.write(connectTo(1), () => socket.resetAndDestroy())
    await once(socket, 'close')
  })
  const answer = await exchangeRaw(child.proxyPort, connectTo(1))
  assert.match(answer, /^HTTP\/1\.1 405 .*allow: GET.*this listener serves no proxy/s)
  assert.equal(child.process.exitCode, null, child.stderr())
})

test('the answer to what cannot be parsed waits for the reply in front of it', async (t) => {
  let finish = () => {}
  const origin = await startOrigin(t, {
    answer(_req, res) {
      res.write('first,')
      finish = () => res.end('last')
    },
  })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const { proxyPort } = await startHere(t, installation)
  const socket = connect(proxyPort, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(get(origin.port, '/', false))
  await until(
    () => !!text.includes('first,'),
    () => once(socket, 'data'),
  )
  socket.write('garbage\r\n\r\n')
  await until(
    () => !!installation.records().some(({ type }) => type === 'refused'),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  socket.write('more garbage\r\n'.repeat(10))
  finish()
  await once(socket, 'close')
  assert.match(text, /^HTTP\/1\.1 200 .*first,\r\n4\r\nlast\r\n0\r\n\r\nHTTP\/1\.1 400 .*"code":"malformed-request"/s)
  assert.equal(installation.records().filter(({ type }) => type === 'refused').length, 1)
})

test('a CONNECT behind an unanswered request opens no tunnel into its reply', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port), toLocalhost(origin.port, { tls: 'tunnel' })] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const text = await exchangeRaw(proxyPort, get(origin.port, '/', false) + connectTo(origin.port))
  assert.match(text, /^HTTP\/1\.1 200 .*helloHTTP\/1\.1 400 .*a CONNECT came before the reply/s)
})

for (const [what, reply, expected] of [
  ['informational replies before the reply', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', /^HTTP\/1\.1 200 .*late/s],
  ['a status that is invalid', 'HTTP/1.1 099 x\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 502 .*"code":"origin-failed"/s],
  ['a 204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 204 (?!.*content-length)/is],
  ['a control character in a header', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 502 /],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', /^HTTP\/1\.1 502 /],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    /^HTTP\/1\.1 502 /,
  ],
  ['the gateway’s own marks', 'HTTP/1.1 200 OK\r\nSallyport-Problem: fake\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 (?!.*fake)/s],
] as const) {
  test(`an origin that sends ${what} gets its caller one answer that holds`, async (t) => {
    const port = await startRaw(t, (socket) =>
      socket.once('data', () =>
        // In a read of its own: what follows must not repair what came first.
        socket.write(reply, () => setImmediate(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'))),
      ),
    )
    const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(port)] }) } })
    const { proxyPort, gateway } = await startHere(t, installation)
    const answer = await exchangeRaw(proxyPort, get(port))
    assert.match(answer, expected)
    await gateway.close()
    const [settled] = installation.records().filter(({ type }) => type === 'settled')
    assert.equal(settled?.['status'], Number(answer.slice(9, 12)))
    assert.equal(settled?.['complete'], true)
  })
}

for (const [what, takeover] of [
  ['a CONNECT', 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n'],
  [
    'an upgrade',
    'GET /services/chat/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  ],
] as const)
  test(`requests that wait in front of ${what} settle when their caller leaves`, async (t) => {
    const origin = await startOrigin(t, { answer() {} })
    const installation = createInstallation(t, {
      config: `services: [{ name: chat, url: "http://localhost:${origin.port}" }]`,
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(origin.port)], services: [{ name: 'chat', websocket: true }] }),
      },
    })
    const { proxyPort } = await startHere(t, installation)
    const socket = connect(proxyPort, '127.0.0.1')
    socket.write(`${get(origin.port, '/first', false)}${get(origin.port, '/second', false)}${get(origin.port, '/third', false)}${takeover}`)
    const ids = (...types: readonly string[]) =>
      installation
        .records()
        .filter(({ type }) => types.includes(String(type)))
        .map(({ id }) => id)
        .sort()
    await eventually('all four are recorded', () => ids('decided', 'refused').length === 4)
    assert.deepEqual(ids('settled'), [])
    socket.resetAndDestroy()
    await eventually('all four have settled', () => ids('settled').length === 4)
    assert.deepEqual(ids('settled'), ids('decided', 'refused'))
  })
