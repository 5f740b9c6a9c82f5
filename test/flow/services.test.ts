/** Named services through http-proxy-middleware: requests, WebSockets, streams, failures. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { eachCase, until } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const credential = 'service-credential-0123456789'

async function arrange(t: TestContext, answer: Parameters<typeof createServer>[1], { extra = '', rules = '' } = {}) {
  const origin = await startOrigin(t, answer === undefined ? {} : { answer })
  process.env['TEST_SERVICE_CREDENTIAL'] = `Bearer ${credential}`
  const installation = createInstallation(t, {
    config: `services: [{ name: search, url: "http://127.0.0.1:${origin.port}/base", timeout: 1s, headers: { Authorization: { env: TEST_SERVICE_CREDENTIAL } } }]\n${extra}`,
    manifests: { 'weather.yaml': grant({ services: [{ name: 'search', websocket: true }] }), 'other.yaml': grant({ name: 'other' }) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  if (rules !== '')
    installation.write(
      'rules/bounds.rego',
      rego`
        package sallyport.rules

        ${rules}
      `,
    )
  const { proxyPort, log } = await startHere(t, installation)
  const base = `http://127.0.0.1:${proxyPort}/services`
  const headers = { 'proxy-authorization': proxyHeader('weather') }
  return { origin, installation, proxyPort, base, headers, log }
}

test('a request arrives below the service’s path with the gateway’s credential and none of the caller’s hearsay', async (t) => {
  const { base, headers, origin } = await arrange(t, undefined)
  const res = await fetch(`${base}/search/v1/items?q=a%20b`, {
    headers: { ...headers, authorization: 'mine', 'x-forwarded-for': '1.2.3.4', 'x-original-url': '/admin', accept: 'text/plain' },
  })
  assert.equal(res.status, 200)
  assert.equal(await res.text(), 'hello')
  const [request] = origin.requests
  assert.equal(request?.url, '/base/v1/items?q=a%20b')
  const sent = Object.fromEntries(
    Array.from({ length: (request?.rawHeaders.length ?? 0) / 2 }, (_, i) => [
      request?.rawHeaders[2 * i]?.toLowerCase(),
      request?.rawHeaders[2 * i + 1],
    ]),
  )
  assert.equal(sent['authorization'], `Bearer ${credential}`)
  assert.equal(sent['host'], `127.0.0.1:${origin.port}`)
  eachCase(['proxy-authorization', 'x-forwarded-for', 'x-original-url'], (name) => assert.equal(sent[name], undefined, name))
})

test('status, duplicate headers and body come back as they are; the credential does not', async (t) => {
  const { base, headers } = await arrange(t, (_req, res) => {
    res.writeHead(201, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Echo', `Bearer ${credential}`])
    res.write(`echo ${credential.slice(0, 9)}`)
    setImmediate(() => res.end(`${credential.slice(9)} end`))
  })
  const res = await fetch(`${base}/search/x`, { headers })
  assert.equal(res.status, 201)
  assert.deepEqual(res.headers.getSetCookie(), ['a=1', 'b=2'])
  assert.equal(res.headers.get('x-echo'), '[redacted]')
  assert.equal(await res.text(), 'echo [redacted] end')
})

test('a redirect and a cookie of the service lead to its prefix, and its address stays inside', async (t) => {
  const { base, headers, origin } = await arrange(t, (req, res) => {
    if (req.url !== '/base/old') return void res.end(`at ${req.url} with ${req.headers.cookie}`)
    const inner = `http://${req.headers.host}/base`
    res.writeHead(302, {
      location: `${inner}/new?a=1`,
      'content-location': '/base/old',
      link: `<${inner}/next>; rel=next`,
      'set-cookie': [`s=1; Domain=127.0.0.1; Path=/base`, 't=2; Path=/'],
    })
    res.end()
  })
  const res = await fetch(`${base}/search/old`, { headers, redirect: 'manual' })
  assert.equal(res.headers.get('location'), '/services/search/new?a=1')
  assert.equal(res.headers.get('content-location'), '/services/search/old')
  assert.equal(res.headers.get('link'), '</services/search/next>; rel=next')
  assert.deepEqual(res.headers.getSetCookie(), ['s=1; Path=/services/search', 't=2; Path=/services/search'])
  assert.ok(![...res.headers].join().includes(String(origin.port)))
  const followed = await fetch(`${base}/search/old`, { headers })
  assert.equal(await followed.text(), 'at /base/new?a=1 with undefined')
})

test('an upload and a download of 20 MB arrive whole', async (t) => {
  const large = Buffer.alloc(20_000_000, 'abcdefghij')
  const { base, headers } = await arrange(t, async (req, res) => void res.end(await bodyOf(req)))
  const res = await fetch(`${base}/search/x`, { method: 'POST', headers, body: large })
  assert.ok(Buffer.from(await res.arrayBuffer()).equals(large))
})

test('an event stream arrives event by event', async (t) => {
  let next = () => {}
  const { base, headers } = await arrange(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: one\n\n')
    next = () => res.end('data: two\n\n')
  })
  const res = await fetch(`${base}/search/x`, { headers })
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  const first = await reader.read()
  assert.match(Buffer.from(first.value ?? []).toString(), /^data: one/)
  next()
  reader.releaseLock()
  const rest = await text(res.body as ReadableStream)
  assert.match(rest, /data: two\n\n$/)
})

test('a denied and an unknown service look alike', async (t) => {
  const { base, origin } = await arrange(t, undefined)
  const codes: (readonly [number, string, string])[] = []
  await eachCase(['search', 'nothing'], async (name) => {
    const res = await fetch(`${base}/${name}/x`, { headers: { 'proxy-authorization': proxyHeader('other') } })
    const problem = (await res.json()) as { code: string; reasons: string[] }
    codes.push([res.status, problem.code, problem.reasons.join().replace(name, '…')])
  })
  assert.deepEqual(codes[0], codes[1])
  assert.equal(codes[0]?.[0], 403)
  assert.equal(origin.connections(), 0)
})

test('a service that is down, slow or breaks off is a 502, a 504 and a broken transfer', async (t) => {
  let behaviour: 'slow' | 'break' = 'slow'
  const { base, headers, origin } = await arrange(t, (_req, res) => {
    if (behaviour === 'slow') return
    res.writeHead(200, { 'content-length': 100_000 })
    res.write('x'.repeat(50_000), () => res.destroy())
  })
  const slow = await fetch(`${base}/search/x`, { headers })
  assert.equal(slow.status, 504)
  assert.equal(slow.headers.get('sallyport-problem'), 'origin-timeout')
  behaviour = 'break'
  await assert.rejects(fetch(`${base}/search/x`, { headers }).then((res) => res.text()))
  origin.server.closeAllConnections()
  await new Promise((resolve) => origin.server.close(resolve))
  const down = await fetch(`${base}/search/x`, { headers })
  assert.equal(down.status, 502)
})

test('a WebSocket is judged, recorded before its upgrade, and passes messages both ways', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, req) => socket.on('message', (data) => socket.send(`${req.url} ${req.headers.authorization} ${data}`)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    eachCase(sockets.clients, (client) => {
      client.terminate()
    })
    server.close()
  })
  process.env['TEST_SERVICE_CREDENTIAL'] = 'Bearer abcdef'
  const installation = createInstallation(t, {
    config: `services: [{ name: chat, url: "http://127.0.0.1:${(server.address() as AddressInfo).port}", headers: { Authorization: { env: TEST_SERVICE_CREDENTIAL } } }]`,
    manifests: {
      'weather.yaml': grant({ services: [{ name: 'chat', websocket: true, paths: ['/room/*'] }] }),
      'quiet.yaml': grant({ name: 'quiet', services: [{ name: 'chat' }] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const open = (path: string, name: string) =>
    new WebSocket(`ws://127.0.0.1:${proxyPort}/services/chat${path}`, { headers: { 'proxy-authorization': proxyHeader(name) } })

  const socket = open('/room/1', 'weather')
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.send('hi')
  const answer = await new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))
  assert.equal(answer, '/room/1 Bearer abcdef hi')
  assert.ok(installation.records().some(({ type, kind, allow }) => type === 'decided' && kind === 'service' && allow === true))
  socket.close()
  await eachCase(
    [
      ['/other', 'weather'],
      ['/room/1', 'quiet'],
    ] as const,
    async ([path, name]) => {
      const refused = await new Promise<string>((resolve) =>
        open(path, name)
          .once('unexpected-response', (_req, res) => resolve(`${res.statusCode} ${res.headers['sallyport-problem']}`))
          .once('error', () => {}),
      )
      assert.equal(refused, '403 policy-denied')
    },
  )
  await until(
    () => !!installation.records().some(({ type, receivedBytes }) => type === 'settled' && Number(receivedBytes) > 0),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
})

test('an offer of HTTP/2 or TLS, which callers do without, is ignored; another upgrade is refused and does not reach the service', async (t) => {
  const { proxyPort, origin } = await arrange(t, async (req, res) => void res.end(await bodyOf(req)))
  const ask = (line: string, more: string, body = '') =>
    exchangeRaw(
      proxyPort,
      `${line}\r\nHost: h\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`,
    )
  // As curl --http2 and Java's HttpClient send it (RFC 7540 §3.2).
  const h2c = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  assert.match(await ask('GET /services/search/x HTTP/1.1', h2c), /^HTTP\/1\.1 200 /)
  assert.match(await ask('POST /services/search/x HTTP/1.1', h2c, 'a=b'), /^HTTP\/1\.1 200 .*\na=b/s)
  const websocket = 'Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  assert.match(await ask('GET /services/search/x HTTP/1.0', websocket), /^HTTP\/1\.1 200 /)
  // As Apache's HttpClient sends it (RFC 2817).
  assert.match(await ask('GET /services/search/x HTTP/1.1', 'Connection: Upgrade, close\r\nUpgrade: TLS/1.2\r\n'), /^HTTP\/1\.1 200 /)
  // Without "Connection: upgrade" it is no upgrade (RFC 9110 §7.8).
  assert.match(await ask('GET /services/search/x HTTP/1.1', 'Connection: close\r\nUpgrade: x\r\n'), /^HTTP\/1\.1 200 /)
  assert.equal(origin.requests.length, 5)
  assert.match(await ask('POST /services/search/x HTTP/1.1', websocket, 'a=b'), /^HTTP\/1\.1 501 .*a WebSocket is asked for by a GET/s)
  assert.match(
    await ask('POST /services/search/x HTTP/1.1', 'Connection: Upgrade, close\r\nUpgrade: tcp\r\n'),
    /^HTTP\/1\.1 501 upgrade-unsupported/,
  )
  assert.equal(origin.requests.length, 5)
  eachCase(origin.requests, ({ rawHeaders }) => assert.doesNotMatch(rawHeaders.join(), /h2c|http2-settings|websocket,/i))
})

compilerTest('rules bound a service’s reply in time and length, whether it says its length or not', async (t) => {
  const { base, headers } = await arrange(
    t,
    (req, res) => {
      if (req.url?.includes('slow')) return
      if (req.url?.includes('said')) return void res.writeHead(200, { 'content-length': '5000' }).end('x'.repeat(5000))
      res.write('x'.repeat(600))
      setImmediate(() => res.end('x'.repeat(req.url?.includes('short') ? 400 : 4400)))
    },
    {
      extra: 'policy: { rules: ./rules }',
      rules: 'obligations contains {"timeoutMs": 200, "maxReplyBytes": 1000} if input.request.kind == "service"',
    },
  )
  const slow = await fetch(`${base}/search/slow`, { headers })
  assert.equal(slow.status, 504)
  assert.match(await slow.text(), /did not answer within 200 ms/)
  const said = await fetch(`${base}/search/said`, { headers })
  assert.equal(said.status, 502)
  assert.equal(said.headers.get('sallyport-problem'), 'reply-too-large')
  assert.equal((await (await fetch(`${base}/search/short`, { headers })).text()).length, 1000)
  const cut = await fetch(`${base}/search/long`, { headers })
  await assert.rejects(cut.text())
})

compilerTest(
  'a body that the policy read is counted and capped like any other, and a caller that leaves meanwhile is no bug',
  async (t) => {
    const { base, headers, installation, proxyPort, log } = await arrange(
      t,
      (req, res) => void bodyOf(req).then((body) => res.end(String(body.byteLength))),
      {
        extra: 'policy: { rules: ./rules }',
        rules:
          'obligations contains {"maxRequestBytes": 500} if input.request.kind == "service"\n\ndeny contains "no" if input.service.body.value.no == true',
      },
    )
    const send = (length: number, chunked: boolean) => {
      const text = JSON.stringify({ x: 'x'.repeat(length - 8) })
      const body = chunked ? ReadableStream.from([Buffer.from(text)]) : text
      return fetch(`${base}/search/a`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        duplex: 'half',
      })
    }
    assert.equal(await (await send(400, true)).text(), '400')
    assert.equal(await (await send(400, false)).text(), '400')
    await eachCase([true, false], async (chunked) => {
      assert.equal((await send(900, chunked)).status, 413)
    })
    const settled = () => installation.records().filter(({ type }) => type === 'settled')
    await eventually('all are settled', () => settled().length === 4)
    assert.deepEqual(
      settled().map(({ status, sentBytes }) => [status, sentBytes]),
      [
        [200, 400],
        [200, 400],
        [413, 0],
        [413, 0],
      ],
    )

    const leaving = connect(proxyPort, '127.0.0.1')
    const part = `POST /services/search/a HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
    await new Promise((resolve) => leaving.write(part, resolve))
    leaving.destroy()
    // The end in the middle of a body is a malformed arrival of its own.
    const codes = () => installation.records().flatMap(({ type, code }) => (type === 'refused' ? [code] : []))
    await eventually('it is recorded', () => codes().includes('client-closed'))
    assert.equal(codes().includes('internal'), false)
    assert.deepEqual(
      log.filter((line) => line.includes('unexpected')),
      [],
    )
  },
)
