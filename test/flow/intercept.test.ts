/** Inside an interception every request is an arrival too, whatever Node would answer by itself (security cases 1, 2, 6, 7, 9, 10). */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { eachCase, until } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'
import { exchangeInside, openInside, readAll } from '../support/tunnel.ts'

async function arrange(t: TestContext, answer?: RequestListener, http = 'headersTimeout: 1h') {
  const installation = createInstallation(t, { config: `http: { originCa: ./origin-ca.crt, ${http} }\ndrainTimeout: 1h` })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startOrigin(t, answer === undefined ? { certificate } : { certificate, answer })
  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(origin.port, { tls: 'intercept', paths: ['/v1/**'] })] }))
  const { proxyPort, gateway } = await startHere(t, installation)
  const host = `Host: localhost:${origin.port}\r\n`
  const inside = (bytes: string, servername = 'localhost') =>
    exchangeInside(installation, { proxyPort, port: origin.port, servername }, bytes)
  return { installation, origin, gateway, proxyPort, host, inside }
}

test('each malformed request inside is refused with a problem and one record pair, and never forwarded', async (t) => {
  const { installation, origin, host, inside } = await arrange(t)
  const end = 'Connection: close\r\n\r\n'
  const cases: readonly (readonly [string, string, number])[] = [
    ['garbage', 'garbage\r\n\r\n', 400],
    ['bare LF in a header', `GET /v1/a HTTP/1.1\n${host}\n`, 400],
    ['CL and TE together', `POST /v1/a HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['two Content-Lengths', `POST /v1/a HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, 400],
    ['header too large', `GET /v1/a HTTP/1.1\r\n${host}X-Large: ${'x'.repeat(20_000)}\r\n${end}`, 431],
    ['no Host', `GET /v1/a HTTP/1.1\r\n${end}`, 400],
    ['two Hosts', `GET /v1/a HTTP/1.1\r\n${host}${host}${end}`, 400],
    ['Host of another', `GET /v1/a HTTP/1.1\r\nHost: other.example\r\n${end}`, 400],
    ['Host with another port', `GET /v1/a HTTP/1.1\r\nHost: localhost:1\r\n${end}`, 400],
    ['absolute form', `GET https://localhost:${origin.port}/v1/a HTTP/1.1\r\n${host}${end}`, 400],
    ['dot segment', `GET /v1/../admin HTTP/1.1\r\n${host}${end}`, 400],
    ['encoded dot segment', `GET /v1/%2e%2e/admin HTTP/1.1\r\n${host}${end}`, 400],
    ['parameter on a dot segment', `GET /v1/..;x=1/admin HTTP/1.1\r\n${host}${end}`, 400],
    ['encoded slash', `GET /v1/..%2fadmin HTTP/1.1\r\n${host}${end}`, 400],
    ['unknown expectation', `GET /v1/a HTTP/1.1\r\n${host}Expect: magic\r\n${end}`, 417],
    ['CONNECT', `CONNECT localhost:${origin.port} HTTP/1.1\r\n${host}\r\n`, 405],
  ]
  await eachCase(cases, async ([name, bytes, status]) => {
    const reply = await inside(bytes)
    assert.match(reply, new RegExp(`^HTTP/1\\.1 ${status} .*sallyport-problem: `, 's'), name)
  })
  assert.equal(origin.connections(), 0)
  const own = (type: string) => installation.records().filter((record) => record['type'] === type && record['door'] === 'intercept')
  assert.equal(own('refused').length, cases.length)
  assert.match(await inside(`GET /v1/a HTTP/1.1\r\n${host}${end}`), /^HTTP\/1\.1 200 .*hello/s)
})

test('a handshake for another name than the CONNECT’s fails and is recorded', async (t) => {
  const { installation, inside } = await arrange(t)
  await assert.rejects(inside('', 'other.example'))
  const refused = await eventually('it is recorded', () => installation.records().find(({ type }) => type === 'refused'))
  assert.match(String(refused['detail']), /^the TLS handshake failed/)
})

test('a body is invited only once its request is allowed, and one that came along needs no invitation', async (t) => {
  const { installation, origin, proxyPort, host, inside } = await arrange(t)
  const head = (path: string) => `PUT ${path} HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`
  assert.match(await inside(head('/admin')), /^HTTP\/1\.1 403 /)
  const socket = await openInside(installation, { proxyPort, port: origin.port })
  const whole = readAll(socket)
  socket.write(head('/v1/a'))
  socket.once('data', () => socket.write('hello'))
  assert.match(await whole, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  // RFC 9110 §10.1.1: 100 may be left out where the content is there.
  assert.match(await inside(`${head('/v1/a')}hello`), /^HTTP\/1\.1 (100 Continue\r\n\r\nHTTP\/1\.1 )?200 /)
})

test('an open tunnel is no way around the drain: its live reply ends, its next request is refused', async (t) => {
  let finish = () => {}
  const { installation, origin, gateway, proxyPort, host } = await arrange(t, (_req, res) => {
    res.write('first,')
    finish = () => res.end('last')
  })
  const socket = await openInside(installation, { proxyPort, port: origin.port })
  const whole = readAll(socket)
  socket.write(`GET /v1/a HTTP/1.1\r\n${host}\r\n`)
  await once(origin.server, 'request')
  const closed = gateway.close()
  socket.write(`GET /v1/a HTTP/1.1\r\n${host}\r\n`)
  await until(
    () => !!installation.records().some(({ code }) => code === 'draining'),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  finish()
  assert.match(await whole, /^HTTP\/1\.1 200 .*first,.*last.*HTTP\/1\.1 503 .*"code":"draining"/s)
  await closed
  assert.equal(origin.requests.length, 1)
})

test('a caller that ends before it says a word is let go at once, not when the handshake is overdue', async (t) => {
  const { installation, origin, proxyPort, host } = await arrange(t)
  const socket = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  const closed = once(socket, 'close')
  socket.write(`CONNECT localhost:${origin.port} HTTP/1.1\r\n${host}Proxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
  await once(socket, 'data')
  socket.end()
  await until(
    () => !!installation.records().some(({ type }) => type === 'settled'),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  await closed
})

test('a connection that asks nothing does not hold up the end, one that is being answered gets its reply first', async (t) => {
  let finish = () => {}
  const { installation, origin, gateway, proxyPort, host } = await arrange(
    t,
    (req, res) => {
      if (req.url !== '/v1/slow') return void res.end('hello')
      res.write('first,')
      finish = () => res.end('last')
    },
    'headersTimeout: 1h, keepAlive: 1h',
  )
  const open = () => openInside(installation, { proxyPort, port: origin.port })
  const [silent, idle, live] = [await open(), await open(), await open()]
  idle.write(`GET /v1/a HTTP/1.1\r\n${host}\r\n`)
  await once(idle, 'data')
  live.write(`GET /v1/slow HTTP/1.1\r\n${host}\r\n`)
  await once(origin.server, 'request')
  const whole = readAll(live)
  const ended = [silent, idle].map((socket) => once(socket.resume(), 'close'))
  const closed = gateway.close()
  await Promise.all(ended)
  finish()
  assert.match(await whole, /^HTTP\/1\.1 200 .*first,.*last/s)
  await closed
})

test('a head that is trickled is refused when its time is over, the first one and a later one', async (t) => {
  const { installation, origin, proxyPort, host } = await arrange(t, undefined, 'headersTimeout: 3s, keepAlive: 1h')
  const open = () => openInside(installation, { proxyPort, port: origin.port })
  const trickle = async (first: string) => {
    const socket = await open()
    const whole = readAll(socket)
    socket.write(first)
    const drip = setInterval(() => socket.write('x'), 20)
    return whole.finally(() => clearInterval(drip))
  }
  const [first, later] = await Promise.all([trickle('GET /v1/'), trickle(`GET /v1/a HTTP/1.1\r\n${host}\r\nGET /v1/`)])
  assert.match(first, /^HTTP\/1\.1 408 .*"code":"request-timeout"/s)
  assert.match(later, /^HTTP\/1\.1 200 .*hello.*HTTP\/1\.1 408 /s)
  assert.equal(installation.records().filter(({ code, door }) => code === 'request-timeout' && door === 'intercept').length, 2)
})

test('a caller inside that stalls its upload, or does not read its reply, is cut like any other', async (t) => {
  const { installation, origin, proxyPort, host } = await arrange(
    t,
    (req, res) => {
      req.resume()
      if (req.url === '/v1/endless') res.end(Buffer.alloc(64 * 1024 * 1024))
    },
    'headersTimeout: 1h, idleTimeout: 1s',
  )
  const open = () => openInside(installation, { proxyPort, port: origin.port })
  const [stalled, deaf] = await Promise.all([open(), open()])
  const closed = Promise.all([once(stalled, 'close'), once(deaf, 'close')])
  eachCase([stalled, deaf], (socket) => {
    socket.on('error', () => {})
  })
  stalled.resume()
  stalled.write(`POST /v1/a HTTP/1.1\r\n${host}Content-Length: 100\r\n\r\nx`)
  deaf.pause()
  deaf.write(`GET /v1/endless HTTP/1.1\r\n${host}\r\n`)
  const settled = () => installation.records().filter(({ type, complete }) => type === 'settled' && complete === false)
  await eventually('both are settled', () => settled().length >= 2)
  deaf.resume()
  await closed
})

for (const end of ['end', 'resetAndDestroy'] as const)
  test(`a caller that begins a handshake and leaves (${end}) is let go at once, and recorded`, async (t) => {
    const { installation, origin, proxyPort, host } = await arrange(t)
    const socket = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
    const closed = once(socket, 'close')
    socket.write(`CONNECT localhost:${origin.port} HTTP/1.1\r\n${host}Proxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
    await once(socket, 'data')
    socket.write(Buffer.from([0x16]), () => socket[end]())
    const settled = () => {
      const records = installation.records()
      const { id } = records.find(({ type, kind }) => type === 'decided' && kind === 'tunnel') ?? {}
      return records.some((record) => record['type'] === 'settled' && record['id'] === id)
    }
    await until(
      () => !!settled(),
      () => new Promise((resolve) => setImmediate(resolve)),
    )
    await closed
  })
