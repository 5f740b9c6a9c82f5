/** Trailers of requests (RFC 9110 §6.5) pass to origins of either version, but for those that mean something in a head. */
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { after, before, test } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { type Answer, answerOf, openSession } from '../support/http2.ts'
import { startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { exchangeInside } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const ports = { http1: 0, http2: 0 }

let installation: Installation
let proxyPort: number

/** Both answer with the trailers that they got. */
function answerHttp2(stream: ServerHttp2Stream, _headers: IncomingHttpHeaders): void {
  let trailers: readonly string[] = []
  stream.on('trailers', (_fields: unknown, _flags: number, raw: string[]) => {
    trailers = raw
  })
  stream.resume().on('end', () => {
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify(trailers))
  })
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const http1 = await startOrigin(t, {
    certificate,
    answer: (req, res) => void req.resume().on('end', () => res.end(JSON.stringify(req.rawTrailers))),
  })
  ports.http1 = http1.port
  ports.http2 = (await startHttp2Origin(t, { certificate, answer: answerHttp2 })).port
  const network = Object.values(ports).map((port) => toLocalhost(port, { tls: 'intercept', paths: ['/*'], methods: ['POST'] }))
  installation.write('integrations/weather.yaml', grant({ network }))
  proxyPort = (await startHere(t, installation)).proxyPort
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const fields = {
  'x-checksum': 'abc',
  authorization: 'Bearer forged',
  'x-forwarded-for': '10.0.0.1',
  'x-http-method-override': 'DELETE',
  'content-type': 'text/html',
  'set-cookie': 'a=1',
}
const passed = ['x-checksum', 'abc']

/** `framing`: of a body of five bytes. */
async function overHttp1(port: number, framing: string, trailers = ''): Promise<readonly string[]> {
  const head = `POST /a HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n${framing}\r\n\r\n`
  const body = framing.startsWith('Transfer') ? `5\r\nhello\r\n0\r\n${trailers}\r\n` : 'hello'
  const reply = await exchangeInside(installation, { proxyPort, port }, head + body)
  return JSON.parse(/\[.*\]/.exec(reply)?.[0] ?? 'null')
}

async function overHttp2(port: number, headers: Readonly<Record<string, string | number>> = {}): Promise<readonly string[]> {
  const session = await openSession(whole as never, installation, { proxyPort, port })
  const stream = session.request({ ':method': 'POST', ':path': '/a', ...headers }, { endStream: false, waitForTrailers: true })
  const reply: Promise<Answer> = answerOf(stream)
  stream.once('wantTrailers', () => stream.sendTrailers(fields))
  stream.write('hel')
  stream.end('lo')
  return JSON.parse((await reply).body)
}

const lines = Object.entries(fields)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

test('those of a chunked body pass to an origin in HTTP/1.1, and none that a head would have', async () => {
  assert.deepEqual(await overHttp1(ports.http1, 'Transfer-Encoding: chunked', lines), passed)
})

test('those of a chunked body pass to an origin in HTTP/2', async () => {
  assert.deepEqual(await overHttp1(ports.http2, 'Transfer-Encoding: chunked', lines), passed)
})

test('those of a stream pass to an origin in HTTP/2', async () => {
  assert.deepEqual(await overHttp2(ports.http2), passed)
  assert.deepEqual(await overHttp2(ports.http2, { 'content-length': 5 }), passed)
})

test('those of a stream pass to an origin in HTTP/1.1 behind a chunked body, and are left out where its length is declared', async () => {
  assert.deepEqual(await overHttp2(ports.http1), passed)
  assert.deepEqual(await overHttp2(ports.http1, { 'content-length': 5 }), [])
})

test('a request without any has none', async () => {
  assert.deepEqual(await overHttp1(ports.http1, 'Content-Length: 5'), [])
  assert.deepEqual(await overHttp1(ports.http2, 'Transfer-Encoding: chunked'), [])
})
