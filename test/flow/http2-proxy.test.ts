/** The proxy over HTTP/2 without TLS, by prior knowledge: each stream says where it goes and who asks, and takes the path of every request. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eachCase } from '../support/cases.ts'
import { echoMessages } from '../support/client-gateway.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { answerOf, ask } from '../support/http2.ts'
import { beginHttp2, endHeaders, endStream, frame, frameTypes, headerBlock, preface, readHttp2 } from '../support/http2-frames.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { connect as connectTcp } from '../support/sockets.ts'
import { readAll } from '../support/tunnel.ts'
import { callersFrame } from '../support/websocket.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let origin: Origin
let proxyPort: number
let session: ClientHttp2Session

function openSession(port = proxyPort): ClientHttp2Session {
  const opened = connect(`http://127.0.0.1:${port}`).on('error', () => {})
  whole.after(() => opened.destroy())
  return opened
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { headersTimeout: 1s, idleTimeout: 5s, maxStreams: 4 }' })
  origin = await startOrigin(t, {
    answer: (req, res) => {
      if (req.url === '/echo') req.pipe(res)
      else if (req.url !== '/held') res.end(`${req.method} ${req.url}`)
    },
  })
  origin.server.on('upgrade', echoMessages)
  const capability = toLocalhost(origin.port, { tls: 'none', paths: ['/*'], methods: ['GET', 'POST'], websocket: true })
  installation.write('integrations/weather.yaml', grant({ network: [capability] }))
  proxyPort = (await startHere(t, installation)).proxyPort
  session = openSession()
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const own = () => ({ ':scheme': 'http', ':authority': `localhost:${origin.port}`, 'proxy-authorization': proxyHeader('weather') })
const get = (path: string, more: OutgoingHttpHeaders = {}, over = session) => ask(over, { ...own(), ':path': path, ...more })
const records = (type: string) => installation.records().filter((record) => record['type'] === type && record['door'] === 'proxy')

test('a request goes where its :scheme and :authority say, and is recorded as one of the proxy', async () => {
  const { headers, body } = await get('/items?page=1', { 'x-a': 'b' })
  assert.deepEqual([headers[':status'], body], [200, 'GET /items?page=1'])
  const decided = records('decided').find(({ id }) => id === headers['sallyport-request-id'])
  assert.deepEqual([decided?.['integration'], decided?.['capability'], decided?.['parent']], ['weather', 'network/0', undefined])
  const sent = origin.requests.at(-1)?.rawHeaders ?? []
  assert.equal(sent[sent.indexOf('host') + 1], `localhost:${origin.port}`)
  assert.deepEqual([sent.includes('x-a'), sent.includes('proxy-authorization')], [true, false])
})

test('a body goes to the origin as it comes, and its echo comes back', async () => {
  const stream = session.request({ ...own(), ':method': 'POST', ':path': '/echo' }, { endStream: false })
  const reply = answerOf(stream)
  stream.write('first ')
  assert.equal(String((await once(stream, 'data'))[0]), 'first ')
  stream.end('second')
  assert.equal((await reply).body, 'first second')
})

test('each stream proves by itself who asks', async () => {
  const anonymous = await ask(session, { ':scheme': 'http', ':authority': `localhost:${origin.port}`, ':path': '/a' })
  assert.equal(anonymous.headers[':status'], 407)
  assert.match(String(anonymous.headers['proxy-authenticate']), /^Basic /)
  assert.equal((await get('/a', { 'proxy-authorization': 'Basic d3Jvbmc6d3Jvbmc=' })).headers[':status'], 407)
  assert.equal((await get('/a')).headers[':status'], 200)
})

const refused: Readonly<Record<string, readonly [headers: OutgoingHttpHeaders, status: number]>> = {
  'another host': [{ ':authority': 'other.example' }, 403],
  'another port': [{ ':authority': 'localhost:1' }, 403],
  'a host beside :authority that is another': [{ host: 'other.example' }, 400],
  'a scheme that is neither': [{ ':scheme': 'ftp' }, 400],
  'a path that climbs': [{ ':path': '/a/../b' }, 400],
  'a method that is not allowed': [{ ':method': 'DELETE' }, 403],
}
for (const [what, [headers, status]] of Object.entries(refused))
  test(`a request with ${what} is refused and reaches no origin`, async () => {
    const before = origin.requests.length
    const got = await get('/items', headers)
    assert.equal(got.headers[':status'], status, got.body)
    assert.equal(origin.requests.length, before)
    assert.equal((await get('/after')).headers[':status'], 200)
  })

test('a CONNECT over it opens nothing, and is told why', async () => {
  const { ':authority': authority, 'proxy-authorization': proof } = own()
  const stream = session.request({ ':method': 'CONNECT', ':authority': authority, 'proxy-authorization': proof })
  const { headers, body } = await answerOf(stream)
  assert.equal(headers[':status'], 405)
  assert.match(body, /a CONNECT comes over HTTP\/1\.1/)
})

test('a WebSocket is asked for by an extended CONNECT (RFC 8441), and carries messages', async () => {
  const client = openSession()
  await once(client, 'remoteSettings')
  const handshake = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/live', 'sec-websocket-version': '13' }
  const stream = client.request({ ...own(), ...handshake }, { endStream: false })
  const [headers] = await once(stream, 'response')
  assert.equal(headers[':status'], 200)
  stream.write(callersFrame('hello'))
  const [echo] = (await once(stream, 'data')) as [Buffer]
  assert.equal(echo.subarray(2).toString(), 'hello')
  stream.close(8)
  const subjects = records('decided').map(({ subject }) => subject as { path: string; websocket?: boolean })
  assert.equal(subjects.find(({ path }) => path === '/live')?.websocket, true)
  client.destroy()
})

test('no more streams are open at once than http.maxStreams', async () => {
  const client = openSession()
  await once(client, 'remoteSettings')
  assert.equal(client.remoteSettings.maxConcurrentStreams, 4)
  client.destroy()
  const raw = beginHttp2(connectTcp(proxyPort, '127.0.0.1'))
  const held = headerBlock(Object.entries({ ':method': 'GET', ':path': '/held', ...own() }))
  await raw.flood((round) => frame('headers', endStream | endHeaders, 2 * round + 1, held))
  const refusedStreams = raw.frames.filter(({ type, payload }) => type === frameTypes.rstStream && payload.readUInt32BE() === 7)
  assert.ok(refusedStreams.length > 0)
})

test('a flood is recorded with the integration that has asked over the connection, and disturbs no other', async () => {
  const floods = () => installation.records().filter(({ code }) => code === 'http2-flood')
  const before = floods().length
  const raw = beginHttp2(connectTcp(proxyPort, '127.0.0.1'))
  const head = headerBlock(Object.entries({ ':method': 'GET', ':path': '/a', ...own() }))
  raw.send(frame('headers', endStream | endHeaders, 1, head))
  await eventually('it is answered', () => raw.frames.some(({ type }) => type === frameTypes.headers))
  await raw.flood(() => frame('ping', 0, 0, Buffer.alloc(8)))
  await eventually('it is recorded', () => floods().length > before)
  assert.deepEqual([floods().at(-1)?.['integration'], floods().at(-1)?.['door']], ['weather', 'proxy'])
  assert.equal((await get('/after')).headers[':status'], 200)
})

test('a connection over which nobody proves who asks is ended, and one that is used stays', async () => {
  const anonymous = openSession()
  const ended = new Promise((resolve) => anonymous.once('close', resolve))
  const used = openSession()
  const held = used.request({ ...own(), ':path': '/held' }).on('error', () => {})
  await ask(anonymous, { ':scheme': 'http', ':authority': `localhost:${origin.port}`, ':path': '/a' })
  await ended
  // Longer than the head of a request of HTTP/1.1 may take.
  await eventually('it is asked still', async () => Number((await get('/later', {}, used)).headers[':status']) === 200)
  assert.equal(held.closed, false)
  used.destroy()
})

test('its first bytes are known however the network cuts them', async () => {
  const socket = connectTcp({ port: proxyPort, host: '127.0.0.1', noDelay: true })
  const raw = readHttp2(socket)
  await eachCase([preface.subarray(0, 3), preface.subarray(3, 20), preface.subarray(20)], async (piece) => {
    socket.write(piece)
    // A packet of its own: nothing says when it has been read.
    await sleep(50)
  })
  socket.write(frame('settings', 0, 0))
  await eventually('it is answered', () => raw.frames.some(({ type }) => type === frameTypes.settings))
  raw.destroy()
})

test('what begins like it, and ends there, is malformed', async () => {
  const socket = connectTcp(proxyPort, '127.0.0.1')
  const answer = readAll(socket)
  socket.end('PRI * HT')
  assert.match(await answer, /^HTTP\/1\.1 400 /)
})

test('requests of HTTP/1.1 on the same port are served as ever, whatever they begin with', async () => {
  const head = (line: string) =>
    `${line} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
  await eachCase(['GET', 'POST'], async (method) => {
    assert.match(await exchangeRaw(proxyPort, head(`${method} http://localhost:${origin.port}/a`)), /^HTTP\/1\.1 200 /)
  })
})

test('a gateway with http.http2: false refuses it as a version that it does not know', async (t) => {
  const plain = createInstallation(t, { config: 'http: { http2: false }' })
  plain.write('integrations/weather.yaml', grant({ network: [] }))
  const started = await startHere(t, plain)
  assert.match(await exchangeRaw(started.proxyPort, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1\.1 505 version-unsupported/)
})

test('a gateway that shuts down says so, and lets what is open end', async (t) => {
  const other = createInstallation(t, { config: 'drainTimeout: 20s' })
  const capability = toLocalhost(origin.port, { tls: 'none', paths: ['/*'], methods: ['GET', 'POST'] })
  other.write('integrations/weather.yaml', grant({ network: [capability] }))
  const started = await startHere(t, other)
  const client = openSession(started.proxyPort)
  const stream = client.request({ ...own(), ':method': 'POST', ':path': '/echo' }, { endStream: false })
  const reply = answerOf(stream)
  stream.write('first ')
  await once(stream, 'data')
  const goaway = once(client, 'goaway')
  const closed = started.gateway.close()
  await goaway
  stream.end('last')
  assert.equal((await reply).body, 'first last')
  await closed
})
