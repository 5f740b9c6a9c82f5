/** What cannot be parsed, or could be parsed in two ways: a 400 problem and a record, and nothing else stops (security cases 2, 7, 9, 10). */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eachCase, times, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext) {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    // Otherwise its preface begins a connection in HTTP/2.
    config: 'http: { http2: false }',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  return { origin, installation, proxyPort }
}

test('each malformed request is refused with a problem and one record pair, and never forwarded', async (t) => {
  const { origin, installation, proxyPort } = await arrange(t)
  const authority = `localhost:${origin.port}`
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const head = (line: string, headers = `Host: ${authority}\r\n`) => `${line}\r\n${headers}${auth}Connection: close\r\n\r\n`
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['garbage', 'garbage\r\n\r\n', /^HTTP\/1.1 400 /],
    ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1.1 400 /],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1.1 505 /],
    ['bare LF in a header', `GET http://${authority}/ HTTP/1.1\nHost: ${authority}\n\n`, /^HTTP\/1.1 400 /],
    [
      'CL and TE together',
      `POST http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    [
      'two Content-Lengths',
      `POST http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      /^HTTP\/1.1 400 /,
    ],
    [
      'another transfer coding',
      `POST http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    [
      'header too large',
      head(`GET http://${authority}/ HTTP/1.1`, `Host: ${authority}\r\nX-Large: ${'x'.repeat(20_000)}\r\n`),
      /^HTTP\/1.1 431 /,
    ],
    ['no Host', head(`GET http://${authority}/ HTTP/1.1`, ''), /^HTTP\/1.1 400 /],
    ['two Hosts', head(`GET http://${authority}/ HTTP/1.1`, `Host: ${authority}\r\nHost: ${authority}\r\n`), /^HTTP\/1.1 400 /],
    ['a Host that is none', head(`GET http://${authority}/ HTTP/1.1`, 'Host: other.example/x\r\n'), /^HTTP\/1.1 400 /],
    ['credentials in the target', head(`GET http://user:pass@${authority}/ HTTP/1.1`), /^HTTP\/1.1 400 /],
    ['another scheme', head('GET ftp://localhost/ HTTP/1.1'), /^HTTP\/1.1 400 /],
    ['NUL in the host', head('GET http://evil%00.localhost/ HTTP/1.1', 'Host: evil%00.localhost\r\n'), /^HTTP\/1.1 400 /],
    ['dot segment', head(`GET http://${authority}/a/../b HTTP/1.1`), /^HTTP\/1.1 400 /],
    ['encoded dot segment', head(`GET http://${authority}/a/%2e%2e/b HTTP/1.1`), /^HTTP\/1.1 400 /],
    ['encoded slash', head(`GET http://${authority}/a%2fb HTTP/1.1`), /^HTTP\/1.1 400 /],
    ['backslash', head(`GET http://${authority}/a\\b HTTP/1.1`), /^HTTP\/1.1 400 /],
    [
      'Connection that names Host',
      `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close, host\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    ['unknown expectation', head(`GET http://${authority}/ HTTP/1.1`, `Host: ${authority}\r\nExpect: magic\r\n`), /^HTTP\/1.1 417 /],
    [
      'an expectation besides 100-continue',
      head(`GET http://${authority}/ HTTP/1.1`, `Host: ${authority}\r\nExpect: 100-continue, magic\r\n`),
      /^HTTP\/1.1 417 /,
    ],
    ['two tokens', `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}${auth}Connection: close\r\n\r\n`, /^HTTP\/1.1 400 /],
    ['CONNECT without a port', `CONNECT localhost HTTP/1.1\r\nHost: localhost\r\n${auth}\r\n`, /^HTTP\/1.1 400 /],
    ['CONNECT with a path', `CONNECT localhost:443/x HTTP/1.1\r\nHost: localhost:443\r\n${auth}\r\n`, /^HTTP\/1.1 400 /],
    ['CONNECT and a Host that is none', `CONNECT localhost:443 HTTP/1.1\r\nHost: a@b:443\r\n${auth}\r\n`, /^HTTP\/1.1 400 /],
    ['CONNECT and two Hosts', `CONNECT localhost:443 HTTP/1.1\r\nHost: a\r\nHost: b\r\n${auth}\r\n`, /^HTTP\/1.1 400 /],
    ['OPTIONS *', head('OPTIONS * HTTP/1.1'), /^HTTP\/1.1 400 /],
    ['a path that nothing serves', head('GET /nothing HTTP/1.1'), /^HTTP\/1.1 404 /],
  ]
  const settled = () => installation.records().filter(({ type }) => type === 'settled').length
  await eachCase(cases, async ([name, bytes, expected]) => {
    const reply = await exchangeRaw(proxyPort, bytes)
    assert.match(reply, expected, name)
    assert.match(reply, /content-type: application\/problem\+json\r\nsallyport-problem: /i, name)
  })
  assert.equal(origin.requests.length, 0)
  const fine = await exchangeRaw(proxyPort, head(`GET http://${authority}/ HTTP/1.1`))
  assert.match(fine, /^HTTP\/1.1 200 /)
  await until(
    () => !(settled() < cases.length + 1),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  const records = installation.records()
  assert.equal(records.filter(({ type }) => type === 'refused').length, cases.length)
  assert.equal(settled(), cases.length + 1)
})

test('variants of an allowed host are judged as that host', async (t) => {
  const { origin, proxyPort } = await arrange(t)
  await eachCase(['LOCALHOST', 'localhost.', 'ｌocalhost'], async (host) => {
    const authority = `${Buffer.from(host).toString('latin1')}:${origin.port}`
    const reply = await exchangeRaw(
      proxyPort,
      Buffer.from(
        `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
        'latin1',
      ),
    )
    assert.match(reply, host.startsWith('ｌ') ? /^HTTP\/1.1 400 / : /^HTTP\/1.1 200 /, host)
  })
  assert.ok(origin.requests.every(({ rawHeaders }) => rawHeaders.includes(`localhost:${origin.port}`)))
})

test('a refused upload is not read to its end', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const { proxyPort } = await startHere(t, installation)
  const reply = await exchangeRaw(
    proxyPort,
    `PUT http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nContent-Length: 100000000\r\n\r\nx`,
  )
  assert.match(reply, /^HTTP\/1.1 403 /)
  assert.match(reply, /^connection: close\r$/im)
})

test('a caller that ends its connection within a refused upload makes no second arrival', async (t) => {
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant() } })
  const { proxyPort } = await startHere(t, installation)
  const head = `PUT http://localhost:1/ HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n`
  await eachCase(['Content-Length: 100000000', 'Transfer-Encoding: chunked'], async (framing) =>
    assert.match(await exchangeRaw(proxyPort, `${head}${framing}\r\n\r\n5\r\nab`), /^HTTP\/1\.1 403 /),
  )
  assert.match(await exchangeRaw(proxyPort, `${head}Connection: close\r\n\r\n`), /^HTTP\/1\.1 403 /)
  const settled = await eventually('all are settled', () => {
    const found = installation.records().filter(({ type }) => type === 'settled')
    return found.length >= 3 ? found : null
  })
  assert.deepEqual(
    settled.map(({ problem }) => problem),
    ['policy-denied', 'policy-denied', 'policy-denied'],
  )
})

test('a flood of what cannot be parsed is limited like any other', async (t) => {
  const installation = createInstallation(t, { config: 'limits: { arrivals: { rate: 1/h, burst: 2 } }' })
  const { proxyPort } = await startHere(t, installation)
  const codes: string[] = []
  await times(4, async () => codes.push((await exchangeRaw(proxyPort, 'garbage\r\n\r\n')).slice(9, 12)))
  assert.deepEqual(codes, ['400', '400', '429', '429'])
})
