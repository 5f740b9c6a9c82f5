/** Each side speaks its own version of HTTP: callers in HTTP/1.1 reach origins that speak HTTP/2 only. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { times } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { type Http2Origin, startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { exchangeInside, openInside } from '../support/tunnel.ts'

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let origin: Http2Origin
let fresh: Http2Origin
let plainPort: number
let proxyPort: number

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (headers[':path'] === '/trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'a' }))
    stream.end('with trailers')
    return
  }
  if (headers[':path'] !== '/echo') {
    stream.respond({ ':status': headers[':path'] === '/none' ? 204 : 200, 'set-cookie': ['a=1', 'b=2'] })
    stream.end(headers[':method'] === 'HEAD' || headers[':path'] === '/none' ? undefined : `${headers[':method']} ${headers[':path']}`)
    return
  }
  stream.respond({ ':status': 200 })
  stream.pipe(stream)
}

before(async () => {
  const t = whole as never
  installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  origin = await startHttp2Origin(t, { certificate, answer })
  fresh = await startHttp2Origin(t, { certificate, answer })
  const plain = createServer().on('stream', answer)
  const sessions = new Set<ServerHttp2Session>()
  plain.on('session', (session) => sessions.add(session.on('error', () => {})))
  plainPort = ((await once(plain.listen(0, '127.0.0.1'), 'listening')) && (plain.address() as AddressInfo)).port
  whole.after(() => {
    for (const session of sessions) session.destroy()
    plain.close()
  })
  const to = { paths: ['/*'], methods: ['GET', 'HEAD', 'POST'], maxRequest: '1MiB' }
  const inside = [origin, fresh].map(({ port }) => toLocalhost(port, { ...to, tls: 'intercept' }))
  installation.write('integrations/weather.yaml', grant({ network: [...inside, toLocalhost(plainPort, { ...to, tls: 'none' })] }))
  proxyPort = (await startHere(t, installation)).proxyPort
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const headOf = (line: string, port: number) => `${line} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n`
const inside = (line: string, rest = '', { port } = origin) =>
  exchangeInside(installation, { proxyPort, port }, `${headOf(line, port)}${rest}\r\n`)
const plainly = (method: string, path: string, rest = '') =>
  exchangeRaw(
    proxyPort,
    `${headOf(`${method} http://localhost:${plainPort}${path}`, plainPort)}Proxy-Authorization: ${proxyHeader('weather')}\r\n${rest}\r\n`,
  )

test('the first request that finds it out is an upload, whose bytes arrive once and in order', async () => {
  const { port } = fresh
  const secure = await openInside(installation, { proxyPort, port })
  let reply = ''
  secure.on('data', (chunk: Buffer) => {
    reply += chunk.toString('latin1')
  })
  const over = once(secure, 'close')
  secure.write(`${headOf('POST /echo', port)}Transfer-Encoding: chunked\r\n\r\n`)
  await times(20, (round) => new Promise((resolve) => secure.write(`400\r\n${String(round).padEnd(1024, '.')}\r\n`, resolve)))
  await eventually('the first of them have come back', () => /\r\n0\.\.\./.test(reply))
  secure.write('4\r\nlast\r\n0\r\n\r\n')
  await over
  assert.match(reply, /^HTTP\/1\.1 200 /)
  const body = reply.slice(reply.indexOf('\r\n\r\n') + 4).replace(/[0-9a-f]+\r\n|\r\n/g, '')
  assert.equal(fresh.heads.length, 1)
  assert.equal(body.replaceAll('.', ''), `${Array.from({ length: 20 }, (_, round) => round).join('')}last`)
})

test('a request without a body, and one with it, are answered in the version of the caller', async () => {
  const got = await inside('GET /items?page=1')
  assert.match(got, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(got, /set-cookie: a=1\r\nset-cookie: b=2\r\n/)
  assert.match(got, /GET \/items\?page=1/)
  assert.match(await inside('POST /echo', 'Content-Length: 5\r\n\r\nhello'), /\r\n\r\n(?:5\r\n)?hello/)
  assert.match(await inside('HEAD /items'), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s)
  assert.match(await inside('GET /none'), /^HTTP\/1\.1 204 /)
})

test('its authority is the judged one, and nothing of the caller’s connection goes along', async () => {
  await inside('GET /seen', 'Keep-Alive: timeout=5\r\nX-A: b\r\n')
  const head = origin.heads.at(-1) ?? []
  const sent = (name: string) => head[head.indexOf(name) + 1]
  assert.deepEqual([':authority', ':scheme', 'x-a'].map(sent), [`localhost:${origin.port}`, 'https', 'b'])
  assert.deepEqual(
    ['host', 'connection', 'keep-alive'].filter((name) => head.includes(name)),
    [],
  )
})

test('what follows the body of its reply is left out', async () => {
  const reply = await inside('GET /trailers')
  assert.match(reply, /with trailers/)
  assert.doesNotMatch(reply, /x-after/)
})

test('a denial reaches no origin, and what is allowed is recorded as ever', async () => {
  const before = origin.heads.length
  assert.match(await inside('DELETE /items'), /^HTTP\/1\.1 403 /)
  assert.equal(origin.heads.length, before)
  await inside('GET /recorded')
  const decided = installation.records().filter(({ subject }) => (subject as { path?: string } | undefined)?.path === '/recorded')
  const settled = () => installation.records().find(({ type, id }) => type === 'settled' && id === decided[0]?.['id'])
  assert.deepEqual([(await eventually('it is settled', settled))['status'], settled()?.['complete']], [200, true])
})

test('an origin without TLS that answers with HTTP/2 is asked again in it, and then at once', async () => {
  assert.match(await plainly('GET', '/items'), /GET \/items/)
  assert.match(await plainly('POST', '/echo', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n'), /hello/)
})
