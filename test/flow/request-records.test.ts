/** What the records of a request hold: who asked for what, over which connection, how long each part took; and that nothing a caller writes breaks them. */

import assert from 'node:assert/strict'
import { hash, X509Certificate } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { recordsIn } from '../support/log-records.ts'
import { startOrigin } from '../support/origin.ts'
import { requireRecord } from '../support/record-schemas.ts'
import { exchangeInside } from '../support/tunnel.ts'

type Fields = Readonly<Record<string, unknown>>

const answer: RequestListener = (req, res) => {
  req.resume().on('end', () => res.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end('{}'))
}

async function arrange(t: TestContext, { tls = 'none' } = {}) {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startOrigin(t, tls === 'none' ? { answer } : { answer, certificate })
  const to = `{ hosts: [localhost], ports: [${origin.port}], tls: ${tls}, addresses: [127.0.0.0/8, "::1/128"], paths: ["/ok", "/ok/**"] }`
  installation.write('integrations/weather.yaml', manifest('weather', `network: [${to}]`))
  const { proxyPort, gateway } = await startHere(t, installation)
  /** The first record of a type that `fits`, once it is there. */
  const find = (type: string, fits: (record: Fields) => boolean = () => true): Promise<Fields> =>
    eventually(`there is a record ${type}`, () => installation.records().find((record) => record['type'] === type && fits(record)))
  /** Both records of the request that this reply answers. */
  const recordsOf = async (reply: string) => {
    const [, id = ''] = /sallyport-request-id: (\S+)/i.exec(reply) ?? []
    const settled = await find('settled', (record) => record['id'] === id)
    const [first = {}] = installation.records().filter((record) => record['id'] === id)
    return { first: first as Fields, settled }
  }
  const raw = (text: string) => exchangeRaw(proxyPort, Buffer.from(text, 'latin1'))
  const head = `Host: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n`
  return { installation, origin, certificate, proxyPort, gateway, find, recordsOf, raw, head, at: `http://localhost:${origin.port}` }
}

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'

test('a request inside TLS: who proved it by what, the address and certificate that were dialled, each phase, and the types of its bodies', async (t) => {
  const { installation, origin, certificate, proxyPort, recordsOf } = await arrange(t, { tls: 'intercept' })
  const reply = await exchangeInside(
    installation,
    { proxyPort, port: origin.port },
    `POST /ok?a=1 HTTP/1.1\r\nHost: localhost:${origin.port}\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\nContent-Type: Text/Plain;x="secret"\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
  )
  const { first, settled } = await recordsOf(reply)
  assert.deepEqual(
    [first['type'], first['identity'], first['credential'], first['trace']],
    ['decided', 'token', `token:${hash('sha256', 'weather-token').slice(0, 12)}`, trace],
  )
  assert.equal(typeof first['peerPort'], 'number')
  const fingerprint = new X509Certificate(certificate.certificate).fingerprint256.replaceAll(':', '').toLowerCase()
  const dialled = settled['dialled'] as Fields
  assert.match(String(dialled['address']), /^(127\.0\.0\.1|::1)$/)
  assert.deepEqual([dialled['port'], dialled['certificate']], [origin.port, fingerprint])
  assert.deepEqual([settled['sentType'], settled['receivedType'], settled['breaker']], ['text/plain', 'application/json', 'closed'])
  const phases = ['policyMs', 'queueMs', 'dnsMs', 'connectMs', 'tlsMs', 'firstByteMs', 'durationMs']
  assert.deepEqual(
    phases.filter((phase) => typeof settled[phase] !== 'number'),
    [],
  )
})

test('over a kept connection: the same destination, and no time to connect', async (t) => {
  const { raw, head, at, recordsOf, origin } = await arrange(t)
  const ask = (method: string) => raw(`${method} ${at}/ok HTTP/1.1\r\n${head}\r\n`)
  const made = await recordsOf(await ask('GET'))
  const kept = await recordsOf(await ask('GET'))
  assert.equal(origin.connections(), 1)
  assert.deepEqual(kept.settled['dialled'], made.settled['dialled'])
  assert.deepEqual([typeof made.settled['connectMs'], kept.settled['connectMs']], ['number', undefined])
  const upload = await raw(`PUT ${at}/ok HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)
  assert.equal(((await recordsOf(upload)).settled['dialled'] as Fields)['port'], origin.port)
})

test('a trace that is not one, or is there twice, is replaced by a new one', async (t) => {
  const { raw, head, at, recordsOf } = await arrange(t)
  const valid = `00-${trace}-00f067aa0ba902b7-01`
  const seen = new Set<unknown>()
  const bad = [
    `traceparent: ff-${trace}-00f067aa0ba902b7-01`,
    `traceparent: ${valid}-more`,
    `traceparent: 00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `traceparent: 00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
    'traceparent: "}],{',
    `traceparent: ${valid}\r\ntraceparent: ${valid}`,
    'x: y',
  ]
  await eachCase(bad, async (line) => {
    const { first } = await recordsOf(await raw(`GET ${at}/ok HTTP/1.1\r\n${line}\r\n${head}\r\n`))
    assert.match(String(first['trace']), /^[0-9a-f]{32}$/)
    seen.add(first['trace'])
  })
  assert.equal(seen.size, bad.length)
  assert.ok(!seen.has(trace))
})

test('every refusal says what was asked for, and a 407 whose name was claimed', async (t) => {
  const { raw, at, origin, head, recordsOf } = await arrange(t)
  const basic = (name: string) => `Connection: close\r\nProxy-Authorization: Basic ${Buffer.from(`${name}:wrong`).toString('base64')}\r\n`
  const [connect, asked] = [
    { method: 'CONNECT', host: 'localhost', port: origin.port },
    { method: 'GET', scheme: 'http', host: 'localhost', port: origin.port, path: '/ok', query: 'q=1' },
  ]
  const cases: readonly (readonly [string, string, Fields, string?])[] = [
    [`GET ${at}/ok?q=1 HTTP/1.1\r\n${basic('weather')}\r\n`, 'unidentified', asked, 'weather'],
    [`GET ${at}/ok?q=1 HTTP/1.1\r\n${basic('stranger')}\r\n`, 'unidentified', asked, 'stranger'],
    [`GET ${at}/ok?q=1 HTTP/1.1\r\n${basic('weather-token')}\r\n`, 'unidentified', asked, '[redacted]'],
    [`GET ${at}/ok?q=1 HTTP/1.1\r\n${basic('Kq3_x"\u0001é')}\r\n`, 'unidentified', asked, '[not a name]'],
    [`GET ${at}/ok?q=1 HTTP/1.1\r\nConnection: close\r\nProxy-Authorization: Bearer abcdef\r\n\r\n`, 'unidentified', asked],
    [`CONNECT localhost:${origin.port} HTTP/1.1\r\nHost: x\r\n${basic('weather')}\r\n`, 'unidentified', connect, 'weather'],
    [
      `GET http://u:pass%40w@LOCALHOST/ok HTTP/1.1\r\n${head}\r\n`,
      'malformed-request',
      { method: 'GET', scheme: 'http', host: 'localhost', path: '/ok' },
    ],
    [`GET ${at}/ok?q=1 HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc`, 'malformed-request', asked],
    [
      `GET ${at}/ok?q=1&token=hidden HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      'headers-too-large',
      { ...asked, query: 'q=1&token=[redacted]' },
    ],
    [
      `GET /nowhere?b HTTP/1.1\r\nHost: gateway:1\r\n${basic('weather')}\r\n`,
      'unidentified',
      { method: 'GET', host: 'gateway', port: 1, path: '/nowhere', query: 'b' },
      'weather',
    ],
  ]
  await eachCase(cases, async ([text, code, subject, claimed]) => {
    const { first } = await recordsOf(await raw(text))
    assert.deepEqual([first['type'], first['code'], first['subject'], first['claimed']], ['refused', code, subject, claimed])
  })
})

test('nothing that a caller writes breaks a record, is taken for a member, or makes it larger than 32 KiB', async (t) => {
  const { installation, proxyPort, at, recordsOf } = await arrange(t)
  const hostile = [
    '\u2028","type":"decided',
    '"}\n{"type":"decided"',
    '__proto__',
    '\u0000\u001b[2J',
    '\ud800'.toWellFormed(),
    'é'.repeat(3000),
    '\u0001'.repeat(5000),
  ]
  await eachCase(hostile, async (text) => {
    const bytes = Buffer.from(
      `GET ${at}/${text}?${text} HTTP/1.1\r\nConnection: close\r\nHost: ${text}\r\nProxy-Authorization: Basic ${Buffer.from(`${text}:x`).toString('base64')}\r\n\r\n`,
    )
    await recordsOf(await exchangeRaw(proxyPort, bytes))
  })
  const texts = recordsIn(join(installation.folder, 'state/audit'))
  const records = texts.map(requireRecord)
  assert.equal(records.filter(({ type }) => type === 'refused').length, hostile.length)
  assert.equal(records.filter(({ type }) => type === 'decided').length, 0)
})
