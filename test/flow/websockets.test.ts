/** WebSockets to origins: through the proxy, inside a tunnel of plain HTTP, and inside an interception, each judged by its handshake. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { after, before, type TestContext, test } from 'node:test'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { ask as askHttp2, openSession } from '../support/http2.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'
import { openInside, openTunnel } from '../support/tunnel.ts'
import { callersFrame, frame, upgradeHeaders } from '../support/websocket.ts'

const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let plain: Origin
let secure: Origin
let proxyPort: number
/** Handshakes that an origin was sent. */
const asked: IncomingMessage[] = []

/** Says what it hears; closes with the code that it is sent behind `close `. */
function serveWebSockets({ server }: Origin): void {
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: true,
    verifyClient(
      { req }: { req: IncomingMessage },
      answer: (isAllowed: boolean, ...rest: [number?, string?, OutgoingHttpHeaders?]) => void,
    ) {
      const code = /^\/live\/answers-(\d+)$/.exec(req.url ?? '')?.[1]
      const headers = { 'WWW-Authenticate': 'Basic realm="live"', 'X-Echo': 'secret' }
      if (req.url === '/live/refused') answer(false, 401, 'No', headers)
      else if (code === undefined) answer(true)
      else answer(false, Number(code), 'No', headers)
    },
    handleProtocols: (offered) => offered.values().next().value ?? false,
  })
  sockets.on('connection', (socket, req) => {
    asked.push(req)
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => {
      const text = String(data)
      if (text.startsWith('close ')) socket.close(Number(text.slice(6)), 'as asked')
      else if (text.startsWith('large ')) socket.send('x'.repeat(Number(text.slice(6))))
      else socket.send(data, { binary: isBinary })
    })
  })
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, {
    config: 'http: { originCa: ./origin-ca.crt, idleTimeout: 500ms }\nwebsockets: { maxMessage: 100KiB }',
  })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  plain = await startOrigin(t)
  secure = await startOrigin(t, { certificate })
  serveWebSockets(plain)
  serveWebSockets(secure)
  const live = { paths: ['/live/*'], websocket: true, maxMessage: '50KiB' }
  const more = { paths: ['/gateway/*'], websocket: true }
  const slow = { paths: ['/slow/*'], websocket: true, messagesPerSecond: 5 }
  const rest = { paths: ['/**'], methods: ['GET'] }
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        toLocalhost(plain.port, live),
        toLocalhost(plain.port, more),
        toLocalhost(plain.port, slow),
        toLocalhost(plain.port, rest),
        toLocalhost(secure.port, { tls: 'intercept', ...live }),
        toLocalhost(secure.port, { tls: 'intercept', ...rest }),
      ],
    }),
  )
  ;({ proxyPort } = await startHere(t, installation))
})

after(() => eachCase(whole.cleanups.toReversed(), (cleanup) => cleanup()))

type Open = (path: string, protocols?: string[], options?: ClientOptions) => Promise<WebSocket>

/** How a client gets there. */
const doors: Readonly<Record<'proxy' | 'tunnel' | 'intercept', Open>> = {
  // As clients that know no tunnels: the whole URL stands in the request line.
  async proxy(path, protocols = [], options = {}) {
    const url = `ws://127.0.0.1:${proxyPort}/`
    return new WebSocket(url, protocols, {
      ...options,
      headers: { 'proxy-authorization': proxyHeader('weather') },
      finishRequest(request) {
        ;(request as { path?: string }).path = `http://localhost:${plain.port}${path}`
        request.end()
      },
    } as ClientOptions)
  },
  async tunnel(path, protocols = [], options = {}) {
    const socket = await openTunnel(proxyPort, `localhost:${plain.port}`)
    return new WebSocket(`ws://localhost:${plain.port}${path}`, protocols, { ...options, createConnection: () => socket })
  },
  async intercept(path, protocols = [], options = {}) {
    const socket = await openInside(installation, { proxyPort, port: secure.port })
    return new WebSocket(`ws://localhost:${secure.port}${path}`, protocols, { ...options, createConnection: () => socket })
  },
}

const opened = (socket: WebSocket) => once(socket, 'open')
async function said(socket: WebSocket, message: string | Buffer): Promise<unknown> {
  const heard = once(socket, 'message')
  socket.send(message)
  const [data, isBinary] = await heard
  return isBinary ? data : String(data)
}
const statusOf = (socket: WebSocket) =>
  new Promise<string>((resolve) =>
    socket
      .once('unexpected-response', (_req, res) => resolve(`${res.statusCode} ${res.headers['sallyport-problem']}`))
      .on('error', () => {}),
  )
interface Recorded {
  readonly type?: string
  readonly id?: string
  readonly subject?: { readonly path?: string; readonly websocket?: boolean }
}
const decidedOn = (path: string) => (installation.records() as Recorded[]).find(({ subject }) => subject?.path === path)
const settledOn = (path: string) =>
  eventually('it is settled', () => installation.records().find(({ type, id }) => type === 'settled' && id === decidedOn(path)?.id))

for (const [door, open] of Object.entries(doors)) {
  test(`${door}: messages pass both ways, text and binary, small and large, and compressed`, async () => {
    const socket = await open(`/live/passes-${door}?x=1`, ['chat', 'talk'], { perMessageDeflate: true })
    await opened(socket)
    assert.deepEqual([socket.protocol, socket.extensions], ['chat', 'permessage-deflate'])
    assert.equal(await said(socket, 'hi'), 'hi')
    assert.deepEqual(await said(socket, Buffer.alloc(40_000, 7)), Buffer.alloc(40_000, 7))
    assert.equal(await said(socket, 'é'.repeat(20_000)), 'é'.repeat(20_000))
    socket.ping('are you there')
    await once(socket, 'pong')
    socket.close(4001, 'done')
    const [code] = await once(socket, 'close')
    assert.equal(code, 4001)
    const { complete, problem = null, sentBytes, receivedBytes } = await settledOn(`/live/passes-${door}`)
    assert.deepEqual([complete, problem], [true, null])
    assert.ok(Number(sentBytes) > 100 && Number(receivedBytes) > 100)
    assert.equal(asked.at(-1)?.url, `/live/passes-${door}?x=1`)
  })

  test(`${door}: the code that the origin closes with is what its caller gets`, async () => {
    const socket = await open('/live/a')
    await opened(socket)
    socket.send('close 4321')
    const [code, reason] = await once(socket, 'close')
    assert.deepEqual([code, String(reason)], [4321, 'as asked'])
  })

  test(`${door}: the record says that a WebSocket was asked for, and what allowed it`, async () => {
    const socket = await open(`/live/recorded-${door}`)
    await opened(socket)
    socket.terminate()
    const record = decidedOn(`/live/recorded-${door}`) as Record<string, unknown> & Recorded
    assert.deepEqual(
      [record.type, record['action'], record['capability'], record.subject?.websocket],
      ['decided', 'GET', door === 'intercept' ? 'network/4' : 'network/0', true],
    )
  })

  test(`${door}: where the capability allows no WebSocket it is refused, and the origin hears nothing`, async () => {
    const before = asked.length
    assert.equal(await statusOf(await open(`/other-${door}`)), '403 policy-denied')
    assert.equal(asked.length, before)
    const denied = decidedOn(`/other-${door}`) as Record<string, unknown>
    assert.match(JSON.stringify(denied['reasons']), /network\/[35] does not allow WebSockets/)
  })

  test(`${door}: a message larger than the capability’s maxMessage closes it with 1009, whoever sends it, and is recorded so`, async () => {
    const socket = await open(`/live/sent-${door}`, [], { perMessageDeflate: false })
    await opened(socket)
    socket.send('x'.repeat(50 * 1024 + 1))
    const [code] = await once(socket, 'close')
    assert.equal(code, 1009)
    assert.equal((await settledOn(`/live/sent-${door}`))['problem'], 'payload-too-large')
    const hearing = await open(`/live/heard-${door}`, [], { perMessageDeflate: false })
    await opened(hearing)
    hearing.send(`large ${50 * 1024 + 1}`)
    const [heard] = await once(hearing, 'close')
    assert.equal(heard, 1009)
    assert.equal((await settledOn(`/live/heard-${door}`))['problem'], 'reply-too-large')
  })
}

test('the gateway’s own maxMessage holds where a capability sets none', async () => {
  const socket = await doors.tunnel('/gateway/a', [], { perMessageDeflate: false })
  await opened(socket)
  assert.equal(await said(socket, 'x'.repeat(100 * 1024)), 'x'.repeat(100 * 1024))
  socket.send('x'.repeat(100 * 1024 + 1))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1009)
})

test('a capability’s messagesPerSecond delays what comes faster', async () => {
  const socket = await doors.tunnel('/slow/a')
  await opened(socket)
  const began = performance.now()
  await eachCase(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'], async (text) => {
    assert.equal(await said(socket, text), text)
  })
  assert.ok(performance.now() - began >= 990)
  socket.terminate()
})

test('a frame that breaks the rules closes both ends with 1002, and is recorded as the caller’s', async () => {
  const socket = connect(proxyPort, '127.0.0.1')
  socket.write(
    `GET ws://localhost:${plain.port}/live/raw HTTP/1.1\r\nHost: localhost:${plain.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${upgradeHeaders}\r\n`,
  )
  await once(socket, 'data')
  socket.write(callersFrame('x', { opcode: 3 }))
  const [close] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([close[0], close.readUInt16BE(2)], [0x88, 1002])
  await once(socket, 'close')
  assert.equal((await settledOn('/live/raw'))['problem'], 'malformed-request')
})

const ask = (line: string, headers: string) =>
  exchangeRaw(
    proxyPort,
    `${line}\r\nHost: localhost:${plain.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${headers}\r\n`,
  )

test('a handshake that is not one is refused with what is wrong, before anything is dialled', async () => {
  const target = `http://localhost:${plain.port}/live/a`
  const before = asked.length
  await eachCase(
    [
      [`GET ${target} HTTP/1.1`, upgradeHeaders.replace('-Version: 13', '-Version: 8'), 400, /version of WebSocket understood is 13/],
      [`GET ${target} HTTP/1.1`, upgradeHeaders.replace(/Key: .*\r/, 'Key: short\r'), 400, /not sixteen bytes in base64/],
      [
        `GET ${target} HTTP/1.1`,
        `${upgradeHeaders}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`,
        400,
        /sec-websocket-key is there twice/,
      ],
      [`GET ${target} HTTP/1.1`, `${upgradeHeaders}Content-Length: 5\r\n\r\nhello`, 400, /has no body/],
      [`POST ${target} HTTP/1.1`, upgradeHeaders, 501, /asked for by a GET/],
      [`GET ${target} HTTP/1.1`, 'Connection: upgrade\r\nUpgrade: tcp\r\n', 501, /only upgrade carried here is to a WebSocket/],
      [`GET ${target.replace('http', 'ws')} HTTP/1.1`, '', 400, /neither http:\/\/ nor https:\/\//],
      ['GET /v1/self HTTP/1.1', upgradeHeaders, 501, /no WebSocket here/],
    ] as const,
    async ([line, headers, status, why]) => {
      const answer = await ask(line, headers)
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.match(answer, why)
    },
  )
  assert.equal(asked.length, before)
})

test('an origin that refuses a WebSocket is passed on with its status and what a caller can act on, and without another word', async () => {
  const answer = await ask(`GET http://localhost:${plain.port}/live/refused HTTP/1.1`, upgradeHeaders)
  assert.match(
    answer,
    /^HTTP\/1\.1 401 Unauthorized\r\nwww-authenticate: Basic realm="live"\r\nsallyport-request-id: [^\r]+\r\ncontent-length: 0\r\n/,
  )
  const { status, problem, complete } = await settledOn('/live/refused')
  assert.deepEqual([status, problem, complete], [401, undefined, true])
  await eachCase([302, 407, 204], async (code) => {
    const other = await ask(`GET http://localhost:${plain.port}/live/answers-${code} HTTP/1.1`, upgradeHeaders)
    assert.match(other, new RegExp(`^HTTP/1\\.1 502 origin-failed\r\n.*localhost refused the WebSocket: it answered ${code}`, 's'))
  })
})

/** A WebSocket by hand on a stream of HTTP/2. */
async function connectOverHttp2(t: TestContext, path: string, headers: OutgoingHttpHeaders = {}) {
  const session = await openSession(t, installation, { proxyPort, port: secure.port })
  await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()))
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': path,
    ':authority': `localhost:${secure.port}`,
    'sec-websocket-version': '13',
    ...headers,
  })
  stream.on('error', () => {})
  const heard: Buffer[] = []
  stream.on('data', (chunk: Buffer) => heard.push(chunk))
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return { session, stream, answer, heard: () => Buffer.concat(heard) }
}

test('HTTP/2: an extended CONNECT opens a WebSocket, whose frames pass both ways beside other streams', async (t) => {
  const { session, stream, answer, heard } = await connectOverHttp2(t, '/live/http2', {
    'sec-websocket-protocol': 'chat, talk',
  })
  assert.equal(session.remoteSettings.enableConnectProtocol, true)
  assert.deepEqual([answer[':status'], answer['sec-websocket-protocol'], answer['sec-websocket-accept']], [200, 'chat', undefined])
  stream.write(callersFrame('hello', { opcode: 1 }))
  await eventually('it is said back', () => heard().equals(frame('hello', { opcode: 1 })))
  const beside = await askHttp2(session, { ':path': '/other' })
  assert.equal(beside.headers[':status'], 200)
  stream.write(callersFrame('close 4002', { opcode: 1 }))
  await eventually('it is closed', () => heard().includes(frame('\x0f\xa2as asked', { opcode: 8 })))
  stream.end(callersFrame('\x0f\xa2', { opcode: 8 }))
  await once(stream, 'close')
  const { complete, problem = null, receivedBytes } = await settledOn('/live/http2')
  assert.deepEqual([complete, problem, receivedBytes], [true, null, heard().byteLength])
})

test('HTTP/2: a WebSocket outlives the time after which a stream without bytes is cut, and a reset is the caller’s', async (t) => {
  const deflate = { 'sec-websocket-extensions': 'permessage-deflate' }
  const { stream, session, answer } = await connectOverHttp2(t, '/live/reset', deflate)
  assert.equal(answer['sec-websocket-extensions'], 'permessage-deflate')
  // Three times `http.idleTimeout`, during which it must not be cut: it has an idle timeout of its own.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal(stream.destroyed, false)
  stream.close(8)
  assert.equal((await settledOn('/live/reset'))['problem'], 'client-closed')
  assert.equal((await askHttp2(session, { ':path': '/other' })).headers[':status'], 200)
})

test('HTTP/2: what is not allowed, not a handshake, or not a WebSocket is refused with its reason, and the connection goes on', async (t) => {
  await eachCase(
    [
      ['/other-http2', {}, 403, 'policy-denied'],
      ['/live/a', { 'sec-websocket-version': '8' }, 400, 'malformed-request'],
      ['/live/a', { 'content-length': '5' }, 400, 'malformed-request'],
      ['/live/a', { ':protocol': 'connect-udp' }, 501, 'upgrade-unsupported'],
      ['/live/refused', {}, 401, undefined],
    ] as const,
    async ([path, headers, status, problem]) => {
      const { session, answer } = await connectOverHttp2(t, path, headers)
      assert.deepEqual([answer[':status'], answer['sallyport-problem']], [status, problem])
      assert.equal((await askHttp2(session, { ':path': '/other' })).headers[':status'], 200)
    },
  )
})

test('HTTP/2: a frame that breaks the rules closes the WebSocket with 1002, and no other stream', async (t) => {
  const { session, stream, heard } = await connectOverHttp2(t, '/live/raw-http2')
  stream.write(callersFrame('x', { opcode: 3 }))
  await eventually('it is told', () => heard()[0] === 0x88 && heard().readUInt16BE(2) === 1002)
  await once(stream, 'close')
  assert.equal((await settledOn('/live/raw-http2'))['problem'], 'malformed-request')
  assert.equal((await askHttp2(session, { ':path': '/other' })).headers[':status'], 200)
})
