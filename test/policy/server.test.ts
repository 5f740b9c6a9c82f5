/** The client of OPA-style services, against real servers that misbehave. */

import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createServerClient, type Server, ServerError } from '../../src/bundles/index.ts'
import type { ServerConfig } from '../../src/config/index.ts'
import { createBackoff } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { createClientCertificate, createOriginCertificate } from '../support/certificates.ts'
import { createFolder } from '../support/folder.ts'
import { startOrigin } from '../support/origin.ts'

const maxBytes = 1000

function serverAt(t: TestContext, url: string, more: Partial<ServerConfig> = {}): Server {
  const plain = { name: 'opa', bearer: null, clientCertificate: null, ca: null, headers: [], timeoutMs: 10_000 }
  const server = createServerClient({ ...plain, url: new URL(url), ...more })
  t.after(() => server.close())
  return server
}

async function asking(t: TestContext, answer: RequestListener, more: Partial<ServerConfig> = {}) {
  const origin = await startOrigin(t, { answer })
  const url = `http://127.0.0.1:${origin.port}/v1/`
  const server = serverAt(t, url, more)
  return { origin, url, get: (path = 'b.tar.gz') => server.request({ method: 'GET', path, maxBytes }), server }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ServerError, String((error as Error).stack))
  assert.ok(error.message.startsWith(`${error.url}: `))
  return error.message.slice(error.url.length + 2)
}

test('asks below the path of the server, with its token and headers', async (t) => {
  const seen: (string | undefined)[] = []
  const { get, server } = await asking(
    t,
    (req, res) => {
      seen.push(req.url, req.headers.authorization, req.headers['x-tenant'] as string)
      res.end('body')
    },
    { bearer: 'hush', headers: [{ name: 'X-Tenant', value: 'acme' }] },
  )
  assert.equal(String((await get('bundles/b.tar.gz?x=1')).body), 'body')
  assert.deepEqual(seen, ['/v1/bundles/b.tar.gz?x=1', 'Bearer hush', 'acme'])
  assert.doesNotMatch(server.urlOf('b?secret=1'), /secret/)
})

test('hands back whatever status there is', async (t) => {
  const { get } = await asking(t, (_req, res) => void res.writeHead(503, { 'retry-after': '1' }).end('away'))
  const { status, headers, body } = await get()
  assert.deepEqual([status, headers['retry-after'], String(body)], [503, '1', 'away'])
})

test('posts a body', async (t) => {
  const { server } = await asking(t, (req, res) => void req.pipe(res))
  const reply = await server.request({ method: 'POST', path: 'logs', body: Buffer.from('[1]'), maxBytes })
  assert.equal(String(reply.body), '[1]')
})

test('follows a redirect within the origin, and none to another', async (t) => {
  const other = await startOrigin(t)
  const { get } = await asking(
    t,
    (req, res) => {
      const to: Record<string, string> = { '/v1/here': '/v1/there', '/v1/away': `http://127.0.0.1:${other.port}/`, '/v1/loop': '/v1/loop' }
      const location = to[req.url ?? '']
      if (location === undefined) res.end('there')
      else res.writeHead(302, { location }).end()
    },
    { bearer: 'hush' },
  )
  assert.equal(String((await get('here')).body), 'there')
  assert.match(await refusal(get('away')), /redirects \(302\) to another origin, http:\/\/127\.0\.0\.1:\d+, which is not followed/)
  assert.match(await refusal(get('loop')), /redirects more than 5 times/)
  assert.equal(other.connections(), 0)
})

test('refuses a reply that is too long, whether it says so or not', async (t) => {
  const { get } = await asking(t, (req, res) => {
    if (req.url === '/v1/said') res.setHeader('content-length', maxBytes + 1)
    else res.flushHeaders()
    res.end(Buffer.alloc(maxBytes + 1))
  })
  await eachCase(['said', 'unsaid'], async (path) => assert.match(await refusal(get(path)), /the reply is longer than 1000 bytes/))
})

test('refuses a reply that ends before its length', async (t) => {
  const { get } = await asking(t, (_req, res) => {
    res.setHeader('content-length', 100)
    res.write('half', () => res.destroy())
  })
  assert.match(await refusal(get()), /the connection ended before the reply did/)
})

test('waits no longer than it may, and stops when it is told to', async (t) => {
  const silent: RequestListener = () => {}
  const { get, server } = await asking(t, silent, { timeoutMs: 50 })
  assert.match(await refusal(get()), /did not answer within 50 ms/)
  const stop = new AbortController()
  const asked = server.request({ method: 'GET', path: 'x', maxBytes, timeoutMs: 60_000, signal: stop.signal })
  stop.abort()
  await assert.rejects(asked, { name: 'AbortError' })
})

test('says that nothing listens', async (t) => {
  const { origin, get } = await asking(t, (_req, res) => void res.end())
  origin.server.close()
  assert.match(await refusal(get()), /nothing listens there \(ECONNREFUSED\)/)
})

test('presents its certificate, and trusts the configured CA alone', async (t) => {
  const folder = createFolder(t)
  const certificate = await createOriginCertificate(folder, '127.0.0.1')
  const client = await createClientCertificate('gateway')
  const { port } = await startOrigin(t, { certificate, clientCa: client.certificate })
  const url = `https://127.0.0.1:${port}/`
  const get = (more: Partial<ServerConfig>) => serverAt(t, url, more).request({ method: 'GET', path: 'x', maxBytes })
  assert.equal(String((await get({ ca: certificate.ca, clientCertificate: client })).body), 'hello')
  assert.match(await refusal(get({ ca: certificate.ca })), /handshake was refused|connection/)
  assert.match(await refusal(get({ clientCertificate: client })), /its certificate is not trusted/)
})

test('a backoff doubles up to its bound, jitters down to the half, and begins again', () => {
  const [longest, shortest] = [1, 0].map((random) => createBackoff({ minMs: 100, maxMs: 1000, random: () => random }))
  const next = (backoff = longest) => backoff?.next()
  assert.deepEqual([next(), next(), next(), next(), next(), next()], [100, 200, 400, 800, 1000, 1000])
  assert.equal(next(shortest), 50)
  longest?.reset()
  assert.equal(next(), 100)
})
