/** Bounds of sallyport.yaml that no other test reaches: bodies, what is read behind a reply, the length of a segment, methods of a service. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { walNames } from '../support/log-records.ts'
import { startOrigin } from '../support/origin.ts'
import { connect } from '../support/sockets.ts'

async function arrange(t: TestContext, config: string) {
  const origin = await startOrigin(t, {
    answer: (req, res) => void req.resume().on('end', () => res.end('x'.repeat(Number(req.url?.slice(1))))),
  })
  const installation = createInstallation(t, {
    config: `services: [{ name: live, url: "http://127.0.0.1:${origin.port}" }]\n${config}`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)], services: [{ name: 'live', methods: ['GET'] }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const head = (method: string, target: string, more = '') =>
    `${method} ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${more}\r\n`
  const url = (path: string) => `http://localhost:${origin.port}${path}`
  return { installation, origin, proxyPort, head, url }
}

test('http.maxRequest and http.maxReply bound a body where nothing else does, to the byte', async (t) => {
  const { proxyPort, head, url } = await arrange(t, 'http: { maxRequest: 10B, maxReply: 20B }')
  const status = async (replyBytes: number, body: string) => {
    const request = head('POST', url(`/${replyBytes}`), `Content-Length: ${body.length}\r\nConnection: close\r\n`)
    return (await exchangeRaw(proxyPort, request + body)).slice(9, 12)
  }
  assert.deepEqual(
    [await status(20, 'x'.repeat(10)), await status(20, 'x'.repeat(11)), await status(21, 'x'.repeat(10))],
    ['200', '413', '502'],
  )
})

test('a caller that goes on sending behind its reply is read on for http.maxLinger and no further', async (t) => {
  const { proxyPort, head } = await arrange(t, 'http: { maxLinger: 64KiB, lingerTimeout: 1h }')
  const socket = connect(proxyPort, '127.0.0.1')
  let text = ''
  const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.write(head('POST', 'http://elsewhere.example.com/', 'Content-Length: 1000000000\r\n'))
  const pour = () => {
    while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024)));
  }
  socket.on('drain', pour)
  pour()
  await closed
  assert.match(text, /^HTTP\/1.1 403 /)
})

test('the audit log goes on in another file once one has audit.maxSegment', async (t) => {
  const { installation, proxyPort, head, url } = await arrange(t, 'audit: { maxSegment: 4KiB }')
  await times(20, () => exchangeRaw(proxyPort, head('GET', url('/1'), 'Connection: close\r\n')))
  const folder = join(installation.folder, 'state/audit')
  await eventually('another file is begun', () => walNames(folder).length > 1)
  const bytes = installation.read(`state/audit/wal/${walNames(folder)[0]}`).length
  assert.ok(bytes > 2048 && bytes < 8192, String(bytes))
})

test('a service is asked by the methods that its capability names, and by no other', async (t) => {
  const { origin, proxyPort, head } = await arrange(t, '')
  const status = async (method: string) =>
    (await exchangeRaw(proxyPort, head(method, '/services/live/1', 'Content-Length: 0\r\nConnection: close\r\n'))).slice(9, 12)
  assert.deepEqual([await status('GET'), await status('POST'), await status('HEAD')], ['200', '403', '403'])
  assert.deepEqual(
    origin.requests.map(({ method }) => method),
    ['GET'],
  )
})
