/** Origins that speak HTTP/2 are asked in HTTP/2 for what came over HTTP/2: replies, trailers and both directions at once pass as they come. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, Http2Session, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { after, before, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { type Answer, answerOf, ask, openSession } from '../support/http2.ts'
import { type Http2Origin, startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }
const held: ServerHttp2Stream[] = []
const few = 8

let installation: Installation
let origin: Http2Origin
let session: ClientHttp2Session
let refusals = 0
let goingAway: Http2Session | undefined

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const path = headers[':path'] ?? ''
  if (path === '/echo') {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  } else if (path === '/trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': '0', 'x-twice': ['a', 'b'], 'content-type': 'text/html', 'sallyport-problem': 'forged' }),
    )
    stream.end('with trailers')
  } else if (path === '/held') held.push(stream.resume())
  else if (path === '/cut') {
    // Node ends a stream before it resets it, but for trailers that it waits for.
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.write('half', () => stream.close(2))
  } else if (path === '/refused-once' && refusals === 0) {
    refusals += 1
    stream.close(7)
  } else if (path === '/refused') stream.close(7)
  else if (path === '/given-up') setTimeout(() => stream.close(8), 20)
  else if (path === '/none') stream.respond({ ':status': 204 }, { endStream: true })
  else if (path === '/large') {
    stream.respond({ ':status': 200 })
    stream.end(Buffer.alloc(20 * 1024 * 1024, 'x'))
  } else if (path === '/last') {
    stream.respond({ ':status': 200 })
    goingAway = stream.session
    goingAway?.goaway(0)
    stream.end('last')
  } else {
    stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] })
    stream.end(`${headers[':method']} ${path}`)
  }
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt, idleTimeout: 1s }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  origin = await startHttp2Origin(t, { certificate, answer, maxConcurrentStreams: few })
  const capability = toLocalhost(origin.port, {
    tls: 'intercept',
    paths: ['/*'],
    methods: ['GET', 'HEAD', 'POST'],
    maxRequest: '1MiB',
    maxReply: '30MiB',
  })
  installation.write('integrations/weather.yaml', grant({ network: [capability] }))
  const { proxyPort } = await startHere(t, installation)
  session = await openSession(t, installation, { proxyPort, port: origin.port })
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const get = (path: string, more: OutgoingHttpHeaders = {}): Promise<Answer> => ask(session, { ':path': path, ...more })
const settledOf = ({ headers }: Answer) =>
  installation.records().find((record) => record['type'] === 'settled' && record['id'] === headers['sallyport-request-id'])

test('a request reaches the origin in HTTP/2 with its judged authority, and its reply comes back', async () => {
  const reply = await get('/items?page=1', { 'x-a': 'b' })
  assert.equal(reply.body, 'GET /items?page=1')
  assert.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2'])
  const head = origin.heads.at(-1) ?? []
  const sent = (name: string) => head[head.indexOf(name) + 1]
  assert.deepEqual([':authority', ':scheme', 'x-a', 'te'].map(sent), [`localhost:${origin.port}`, 'https', 'b', 'trailers'])
  assert.equal(head.includes('host'), false)
  await eventually('it is settled', () => settledOf(reply)?.['complete'] === true)
})

test('a call of gRPC that its origin gives up at its deadline is DEADLINE_EXCEEDED, and any other that it cancels UNAVAILABLE', async () => {
  await eachCase(
    [
      ['10m', '4'],
      ['1H', '14'],
    ] as const,
    async ([timeout, status]) => {
      const call = { ':method': 'POST', 'content-type': 'application/grpc', 'grpc-timeout': timeout }
      assert.equal((await get('/given-up', call)).headers['grpc-status'], status)
    },
  )
})

test('requests share a connection within the number of streams that the origin takes', async () => {
  const replies = await Promise.all(Array.from({ length: 40 }, (_, index) => get(`/n${index}`)))
  assert.deepEqual(
    replies.map(({ body }) => body),
    Array.from({ length: 40 }, (_, index) => `GET /n${index}`),
  )
  assert.ok(origin.sessions.length < 40)
})

test('trailers pass, but for those that mean nothing behind a body and those of the gateway', async () => {
  const { trailers, body } = await get('/trailers')
  assert.equal(body, 'with trailers')
  assert.deepEqual(Object.entries(trailers), [
    ['grpc-status', '0'],
    ['x-twice', 'a, b'],
  ])
})

test('a reply begins before its request has ended, and each side is passed on as it comes', async () => {
  const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { endStream: false })
  const reply = answerOf(stream)
  stream.write('one')
  const [first] = await once(stream, 'data')
  assert.equal(String(first), 'one')
  stream.write('two')
  const [second] = await once(stream, 'data')
  assert.equal(String(second), 'two')
  stream.end()
  assert.equal((await reply).body, 'onetwo')
})

test('a large body passes both ways', async () => {
  const body = Buffer.alloc(900_000, 'sallyport ').toString()
  await eachCase([{}, { 'content-length': body.length }] as OutgoingHttpHeaders[], async (headers) => {
    const reply = await ask(session, { ':method': 'POST', ':path': '/echo', ...headers }, body)
    assert.equal(reply.body, body)
  })
})

test('a large reply that is not read holds no other stream', async () => {
  const slow = session.request({ ':path': '/large' })
  await once(slow, 'response')
  assert.equal((await get('/beside')).body, 'GET /beside')
  let bytes = 0
  slow.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
  })
  await once(slow, 'end')
  assert.equal(bytes, 20 * 1024 * 1024)
})

test('replies without a body end with their head', async () => {
  assert.equal((await get('/none')).headers[':status'], 204)
  assert.equal((await get('/items', { ':method': 'HEAD' })).body, '')
})

test('a reply that breaks off is a reset, and never looks whole', async () => {
  await assert.rejects(get('/cut'), /INTERNAL_ERROR/)
})

test('a caller that resets its stream ends the one at the origin', async () => {
  const stream = session.request({ ':path': '/held' })
  stream.on('error', () => {})
  await eventually('the origin has it', () => held.length === 1)
  stream.close(8)
  await eventually('it is reset', () => held[0]?.closed === true)
  assert.equal(held[0]?.rstCode, 8)
})

test('a request that the origin refused unprocessed is sent once more, and no more', async () => {
  assert.equal((await get('/refused-once')).body, 'GET /refused-once')
  const refused = await get('/refused')
  assert.equal(refused.headers[':status'], 502)
  assert.equal(origin.heads.filter((head) => head.includes('/refused')).length, 2)
})

test('an origin that says it goes away ends what it has, and is asked over another connection', async () => {
  assert.equal((await get('/last')).body, 'last')
  assert.equal((await get('/next')).body, 'GET /next')
  assert.notEqual(origin.askedOver.at(-1), origin.askedOver.at(-2))
})

test('an upload beyond its cap ends at the origin as a reset', async () => {
  const stream = session.request({ ':method': 'POST', ':path': '/held' }, { endStream: false })
  const reply = answerOf(stream)
  stream.end(Buffer.alloc(2 * 1024 * 1024))
  assert.equal((await reply).headers[':status'], 413)
  await eventually('it is reset', () => held.at(-1)?.closed === true)
})

test('a connection on which nothing is asked any more is closed', async () => {
  // Node's server keeps a session that has said GOAWAY itself.
  const others = origin.sessions.filter((one) => one !== goingAway)
  assert.ok(others.length > 0)
  await eventually('all of them are', () => others.every(({ destroyed, closed }) => destroyed || closed))
})
