/** Services over TLS are what services in plain HTTP are; one that cannot prove its name is sent nothing. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'

const credential = 'service-credential-0123456789'

/** `named`: whom the service's certificate is for. */
async function arrange(t: TestContext, named: string) {
  process.env['TEST_TLS_CREDENTIAL'] = credential
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': grant({ services: [{ name: 'search', websocket: true }] }) },
  })
  const certificate = await createOriginCertificate(installation.folder, named)
  const origin = await startOrigin(t, {
    certificate,
    answer: async (req, res) => {
      if (req.url === '/base/old') return void res.writeHead(307, { location: `https://${req.headers.host}/base/new` }).end()
      const body = await bodyOf(req)
      res.end(`${req.method} ${req.url} ${body.byteLength} ${req.headers['x-api-key'] === credential} ${req.headers['x-api-key']}`)
    },
  })
  const sockets = new WebSocketServer({ server: origin.server })
  sockets.on('connection', (socket, req) => socket.on('message', (data) => socket.send(`${req.url} ${data}`)))
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
  })
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }
services: [{ name: search, url: "https://localhost:${origin.port}/base", headers: { X-Api-Key: { env: TEST_TLS_CREDENTIAL } } }]\n`,
  )
  const { proxyPort } = await startHere(t, installation)
  return { origin, base: `127.0.0.1:${proxyPort}/services/search`, headers: { 'proxy-authorization': proxyHeader('weather') } }
}

test('a service over TLS answers requests, uploads, redirects and a WebSocket, on connections that are used again', async (t) => {
  const { origin, base, headers } = await arrange(t, 'localhost')
  const url = `http://${base}/old`
  await eachCase(
    [{}, { method: 'PUT', body: 'x'.repeat(1000) }, { method: 'POST', body: new Blob(['x'.repeat(100_000)]) }],
    async (init) => {
      const res = await fetch(url, { headers, ...init })
      const { method = 'GET', body = '' } = init as { method?: string; body?: string | Blob }
      const bytes = typeof body === 'string' ? body.length : body.size
      assert.equal(res.url, `http://${base}/new`)
      assert.equal((await res.text()).replace(/\*+$/, ''), `${method} /base/new ${bytes} true [redacted]`)
    },
  )
  assert.equal(origin.connections(), 1)

  const socket = new WebSocket(`ws://${base}/chat`, { headers })
  t.after(() => socket.terminate())
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.send('hi')
  assert.equal(await new Promise((resolve) => socket.once('message', (data) => resolve(String(data)))), '/base/chat hi')
})

test('a service whose certificate is for another name is a 502, and is sent nothing', async (t) => {
  const { origin, base, headers } = await arrange(t, 'elsewhere.example')
  const res = await fetch(`http://${base}/x`, { headers })
  assert.equal(res.status, 502)
  assert.equal(res.headers.get('sallyport-problem'), 'origin-tls-failed')
  const refused = await new Promise((resolve) =>
    new WebSocket(`ws://${base}/chat`, { headers })
      .once('unexpected-response', (_req, answer) => resolve(answer.statusCode))
      .once('error', () => {}),
  )
  assert.equal(refused, 502)
  assert.deepEqual(origin.requests, [])
})
