/** HTTP/2 inside an interception: each stream is judged, limited and recorded as a request of its own, whatever the origin speaks. */
import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2'
import { after, before, test } from 'node:test'
import { eachCase, times, until } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { answerOf, ask, openSession } from '../support/http2.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { endHeaders, endStream, fieldBlock, frame, frameTypes, opening } from '../support/raw-http2.ts'
import { openInside } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
/** Replies that the origin holds back. */
const held: ServerResponse[] = []

let installation: Installation
let origin: Origin
let proxyPort: number
let session: ClientHttp2Session

function answer(req: IncomingMessage, res: ServerResponse): void {
  const [path] = (req.url ?? '').split('?', 1)
  if (path === '/echo') req.pipe(res)
  else if (path === '/held') held.push(res)
  else if (path === '/large') res.end(Buffer.alloc(20 * 1024 * 1024, 'x'))
  else if (path === '/cut') res.writeHead(200, { 'content-length': 10 }).write('half', () => res.destroy())
  else if (path === '/unread') res.writeHead(200).flushHeaders()
  else if (path === '/none') res.writeHead(204).end()
  else if (path === '/moved') res.writeHead(301, ['location', '/a', 'location', '/b']).end()
  else if (path === '/twice')
    res
      .writeHead(
        200,
        [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
          ['Keep-Alive', 'timeout=5'],
        ].flat(),
      )
      .end('two')
  else res.end(`${req.method} ${req.url}`)
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt, maxHeader: 8KiB, idleTimeout: 1s }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  origin = await startOrigin(t, { certificate, answer })
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        toLocalhost(origin.port, { tls: 'intercept', paths: ['/*'], methods: ['GET', 'HEAD', 'POST', 'OPTIONS'], maxRequest: '1MiB' }),
      ],
    }),
  )
  proxyPort = (await startHere(t, installation)).proxyPort
  session = await openSession(t, installation, { proxyPort, port: origin.port })
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const records = (type: string) => installation.records().filter((record) => record['type'] === type && record['door'] === 'intercept')
const unseen = () => records('refused').filter(({ detail }) => /without a valid head/.test(String(detail)))
const settledOf = (id: unknown) => installation.records().find((record) => record['type'] === 'settled' && record['id'] === id)
const cookieOf = (raw: readonly string[]) => raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === 'cookie').join(' and ')
const decidedOf = (path: string) => records('decided').filter(({ subject }) => (subject as { path: string }).path === path)
/** Of the request for it that is the `nth`, once it is settled. */
const settledLast = (path: string, nth: number) => settledOf(decidedOf(path)[nth - 1]?.['id'])
/** Whatever error it closes with. */
const ended = (emitter: EventEmitter) => new Promise((resolve) => emitter.once('close', resolve))
const get = (path: string, more: OutgoingHttpHeaders = {}) => ask(session, { ':path': path, ...more })

test('a request is judged and answered, and recorded as one inside the tunnel', async () => {
  const { headers, body } = await get('/items?page=1')
  assert.equal(headers[':status'], 200)
  assert.equal(body, 'GET /items?page=1')
  const id = headers['sallyport-request-id']
  await eventually('it is settled', () => settledOf(id))
  const decided = records('decided').find((record) => record['id'] === id)
  const connect = installation.records().find((record) => record['type'] === 'decided' && record['door'] === 'connect')
  assert.equal(decided?.['parent'], connect?.['id'])
  assert.equal(decided?.['capability'], 'network/0')
  assert.deepEqual([settledOf(id)?.['status'], settledOf(id)?.['complete'], settledOf(id)?.['receivedBytes']], [200, true, body.length])
  const sent = origin.requests.at(-1)
  assert.equal(sent?.rawHeaders[(sent?.rawHeaders.indexOf('host') ?? 0) + 1], `localhost:${origin.port}`)
})

test('a denial is a problem document, and the connection serves on', async () => {
  const denied = await get('/deep/path')
  assert.equal(denied.headers[':status'], 403)
  assert.equal(denied.headers['content-type'], 'application/problem+json')
  assert.equal(JSON.parse(denied.body).code, 'policy-denied')
  assert.equal(Object.hasOwn(decidedOf('/deep/path')[0] ?? {}, 'capability'), false)
  assert.equal((await get('/after')).headers[':status'], 200)
})

test('many streams are open at once, and a slow one holds none of the others', async () => {
  const slow = get('/held')
  await eventually('the origin has it', () => held.length === 1)
  const bodies = await Promise.all(Array.from({ length: 50 }, (_, index) => get(`/n${index}`)))
  assert.deepEqual(
    bodies.map(({ body }) => body),
    Array.from({ length: 50 }, (_, index) => `GET /n${index}`),
  )
  held.pop()?.end('late')
  assert.equal((await slow).body, 'late')
})

test('a body goes to the origin as it comes, with and without a length, and its echo comes back', async () => {
  const body = Buffer.alloc(300_000, 'sallyport ').toString()
  await eachCase([{}, { 'content-length': body.length }] as OutgoingHttpHeaders[], async (headers) => {
    const reply = await ask(session, { ':method': 'POST', ':path': '/echo', ...headers }, body)
    assert.equal(reply.body.length, body.length)
    assert.equal(reply.body, body)
  })
  const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { endStream: false })
  const whole = answerOf(stream)
  stream.write('first ')
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  // The reply has begun while the request is still being sent.
  assert.equal(chunk.toString(), 'first ')
  stream.end('second')
  assert.equal((await whole).body, 'first second')
})

test('a caller that waits for 100 gets it once its request is allowed, and not before', async () => {
  const stream = session.request({ ':method': 'POST', ':path': '/echo', expect: '100-continue' }, { endStream: false })
  const whole = answerOf(stream)
  await once(stream, 'continue')
  stream.end('asked for')
  assert.equal((await whole).body, 'asked for')
  const denied = session.request({ ':method': 'POST', ':path': '/not/allowed', expect: '100-continue' }, { endStream: false })
  let continued = false
  denied.on('continue', () => {
    continued = true
  })
  assert.equal((await answerOf(denied)).headers[':status'], 403)
  assert.equal(continued, false)
})

test('cookies that were sent apart are one field for the origin (RFC 9113 §8.2.3), and those of a reply stay apart', async () => {
  const { headers } = await get('/twice', { cookie: ['a=1', 'b=2'] as never })
  assert.equal(cookieOf(origin.requests.at(-1)?.rawHeaders ?? []), 'a=1; b=2')
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(headers['keep-alive'], undefined)
})

test('a field that should be there once, and is there twice, is passed on as it came', async () => {
  const { headers } = await get('/moved')
  assert.deepEqual([headers[':status'], headers['location']], [301, '/a'])
  assert.equal((await get('/after')).headers[':status'], 200)
})

test('replies without a body end with their head', async () => {
  assert.deepEqual([(await get('/none')).headers[':status'], (await get('/none')).body], [204, ''])
  const head = await ask(session, { ':method': 'HEAD', ':path': '/items' })
  assert.deepEqual([head.headers[':status'], head.body], [200, ''])
})

test('a large reply that is read slowly costs its window, and holds no other stream', async () => {
  const stream = session.request({ ':path': '/large' })
  await once(stream, 'response')
  stream.pause()
  await times(5, async () => assert.equal((await get('/beside')).headers[':status'], 200))
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
  })
  stream.resume()
  await once(stream, 'end')
  assert.equal(bytes, 20 * 1024 * 1024)
})

test('an upload that the origin does not read costs its own window, and holds no other stream', async () => {
  const stream = session.request({ ':method': 'POST', ':path': '/unread' }, { endStream: false })
  stream.on('error', () => {})
  const answered = once(stream, 'response')
  assert.equal(stream.write(Buffer.alloc(900_000)), false)
  await times(5, async () => assert.equal((await get('/beside')).headers[':status'], 200))
  const [headers] = await answered
  assert.equal(headers[':status'], 200)
  stream.close(8)
})

test('a reply that breaks off is a reset, and never looks whole', async () => {
  await assert.rejects(get('/cut'))
  const settled = await eventually('it is settled', () => settledLast('/cut', 1))
  assert.deepEqual([settled['complete'], settled['problem']], [false, 'origin-failed'])
})

test('a stream that its caller resets ends the origin’s request, and is settled as left', async () => {
  const stream = session.request({ ':path': '/held' })
  stream.on('error', () => {})
  await eventually('the origin has it', () => held.length === 1)
  const left = once(held.pop() as ServerResponse, 'close')
  stream.close(8)
  await left
  const settled = await eventually('it is settled', () => settledLast('/held', 2))
  assert.deepEqual([settled['status'], settled['problem'], settled['complete']], [499, 'client-closed', false])
})

test('a caller that ends its connection has left, with all that it asked', async () => {
  const socket = await openInside(installation, { proxyPort, port: origin.port, tls: { ALPNProtocols: ['h2'] } })
  const head = fieldBlock([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', `localhost:${origin.port}`],
    [':path', '/held'],
  ])
  socket.write(Buffer.concat([opening, frame(frameTypes.headers, endHeaders | endStream, 1, head)]))
  await eventually('the origin has it', () => held.length === 1)
  const left = once(held.pop() as ServerResponse, 'close')
  socket.end()
  await left
  const settled = await eventually('it is settled', () => settledLast('/held', 3))
  assert.deepEqual([settled['status'], settled['problem'], settled['complete']], [499, 'client-closed', false])
  await once(socket.resume(), 'close')
})

test('an upload beyond its cap is refused while it is sent, and the connection serves on', async () => {
  const large = Buffer.alloc(3 * 1024 * 1024)
  const echoes = decidedOf('/echo').length
  const post = { ':method': 'POST', ':path': '/echo' }
  assert.equal((await ask(session, { ...post, 'content-length': large.length }, large)).headers[':status'], 413)
  // Its echo may have begun by then: then it breaks off.
  const status = await ask(session, post, large).then(
    ({ headers }) => headers[':status'],
    () => 'reset',
  )
  assert.ok([413, 'reset'].includes(status as never), String(status))
  const settled = await eventually('it is settled', () => settledLast('/echo', echoes + 2))
  assert.equal(settled['problem'], 'payload-too-large')
  assert.equal((await get('/after')).headers[':status'], 200)
})

const refused: Readonly<Record<string, readonly [headers: OutgoingHttpHeaders, status: number]>> = {
  'another authority': [{ ':authority': 'other.example' }, 400],
  'another port': [{ ':authority': 'localhost:1' }, 400],
  'a host beside :authority that is another': [{ host: 'other.example' }, 400],
  'another scheme': [{ ':scheme': 'http' }, 400],
  'a path that climbs': [{ ':path': '/a/../b' }, 400],
  'a method in lower case': [{ ':method': 'get' }, 400],
  'an expectation that is unknown': [{ expect: 'wonders' }, 417],
  'more headers than http.maxHeader': [{ x: 'a'.repeat(9000) }, 431],
  'many small headers': [Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, 'a'])), 431],
}
for (const [what, [headers, status]] of Object.entries(refused))
  test(`a request with ${what} is refused, recorded, and reaches no origin`, async () => {
    const before = [origin.requests.length, records('refused').length]
    const got = await ask(session, { ':path': '/items', ...headers })
    assert.equal(got.headers[':status'], status, got.body)
    assert.deepEqual([origin.requests.length, records('refused').length], [before[0], Number(before[1]) + 1])
    assert.equal((await get('/after')).headers[':status'], 200)
  })

const invalid: Readonly<Record<string, OutgoingHttpHeaders>> = {
  'a path without a slash': { ':path': 'items' },
  'a path in absolute form': { ':path': 'https://other.example/' },
  'a length that is not a number': { 'content-length': '+1' },
}
test('streams whose heads are not valid HTTP/2 are reset, recorded, and reach no origin', async () => {
  const before = [origin.requests.length, unseen().length]
  await eachCase(Object.values(invalid), async (headers) => {
    await assert.rejects(ask(session, { ':path': '/items', ...headers }), /PROTOCOL_ERROR/)
    await get('/after')
  })
  await eventually('they are recorded', () => unseen().length === Number(before[1]) + 3)
  assert.equal(origin.requests.length, Number(before[0]) + 3)
  const own = await openSession(whole as never, installation, { proxyPort, port: origin.port })
  await assert.rejects(ask(own, { ':path': 'items' }), /PROTOCOL_ERROR/)
  await assert.rejects(ask(own, { ':path': 'items' }), /PROTOCOL_ERROR/)
  own.destroy()
  await eventually('so are those at the end of a connection', () => unseen().some(({ detail }) => /^2 streams/.test(String(detail))))
})

test('a CONNECT inside the tunnel opens nothing', async () => {
  const stream = session.request({ ':method': 'CONNECT', ':authority': `localhost:${origin.port}` })
  assert.equal((await answerOf(stream)).headers[':status'], 405)
})

test('a caller that resets stream after stream is disconnected, and that is recorded (CVE-2023-44487)', async () => {
  const own = await openSession(whole as never, installation, { proxyPort, port: origin.port })
  const closed = ended(own)
  const before = records('refused').length
  // One after the other: a client keeps those back that are more than may be open.
  await until(
    () => own.closed || own.destroyed,
    async () => {
      const stream = own.request({ ':path': '/held' })
      stream.on('error', () => {})
      const over = ended(stream)
      // Its head is sent.
      await new Promise((resolve) => setImmediate(resolve))
      if (!own.destroyed) stream.close(8)
      await over
    },
  )
  await closed
  await eventually('it is recorded', () => records('refused').some(({ detail }) => /reset before their replies/.test(String(detail))))
  assert.ok(records('refused').length > before)
  held.length = 0
  // The one that the tests share may have been idle for too long by now.
  const next = await openSession(whole as never, installation, { proxyPort, port: origin.port })
  assert.equal((await ask(next, { ':path': '/after' })).headers[':status'], 200)
})

test('a caller that resets a stream after each answered one is disconnected all the same', async () => {
  const own = await openSession(whole as never, installation, { proxyPort, port: origin.port })
  const closed = ended(own)
  const rounds = Array.from({ length: 300 }, async () => {
    const stream = own.request({ ':path': '/held' })
    stream.on('error', () => {})
    stream.close(8)
    await ask(own, { ':path': '/beside' })
  })
  await Promise.allSettled(rounds)
  await closed
  held.length = 0
})

test('a connection on which nothing is asked ends', async () => {
  const own = await openSession(whole as never, installation, { proxyPort, port: origin.port })
  await once(own, 'close')
})

test('a gateway that offers no HTTP/2 is asked in HTTP/1.1', async (t) => {
  const plain = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt, http2: false }' })
  const certificate = await createOriginCertificate(plain.folder, 'localhost')
  const own = await startOrigin(t, { certificate })
  plain.write('integrations/weather.yaml', grant({ network: [toLocalhost(own.port, { tls: 'intercept' })] }))
  const started = await startHere(t, plain)
  const chosen = async (given: Installation, to: { proxyPort: number; port: number }) => {
    const secure = await openInside(given, { ...to, tls: { ALPNProtocols: ['h2', 'http/1.1'] } })
    t.after(() => secure.destroy())
    return secure.alpnProtocol
  }
  assert.equal(await chosen(plain, { proxyPort: started.proxyPort, port: own.port }), 'http/1.1')
  assert.equal(await chosen(installation, { proxyPort, port: origin.port }), 'h2')
})

test('a gateway that shuts down says so, refuses new streams and lets what is open end', async (t) => {
  const own = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }\ndrainTimeout: 10s' })
  const certificate = await createOriginCertificate(own.folder, 'localhost')
  const waiting: ServerResponse[] = []
  const server = await startOrigin(t, { certificate, answer: (_req, res) => void waiting.push(res) })
  own.write('integrations/weather.yaml', grant({ network: [toLocalhost(server.port, { tls: 'intercept' })] }))
  const { gateway, proxyPort: port } = await startHere(t, own)
  const client = await openSession(t, own, { proxyPort: port, port: server.port })
  const open = ask(client, { ':path': '/open' })
  await eventually('the origin has it', () => waiting.length === 1)
  const goaway = once(client, 'goaway')
  const closed = gateway.close()
  await goaway
  waiting[0]?.end('ended')
  assert.equal((await open).body, 'ended')
  await closed
  const settled = own.records().filter(({ type, complete }) => type === 'settled' && complete === true)
  assert.ok(settled.length >= 1)
})
