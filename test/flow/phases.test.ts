/** Which phases of requests are counted: policy, queue, connect, first byte, body, record; through every door, and by what became of the request. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { openTunnel } from '../support/tunnel.ts'

async function arrange(t: TestContext, network = 'paths: [/ok], tls: none') {
  const origin = await startOrigin(t, { answer: (req, res) => void req.resume().on('end', () => res.end('hello')) })
  const to = `hosts: [localhost], ports: [${origin.port}], addresses: [127.0.0.0/8, "::1/128"]`
  const rest = `network: [{ ${to}, ${network} }]\nservices: [{ name: search, websocket: true }]\nfiles: [{ name: data, root: ../data, actions: [read] }]`
  const installation = createInstallation(t, {
    config: `services: [{ name: search, url: "http://127.0.0.1:${origin.port}" }]`,
    manifests: { 'weather.yaml': manifest('weather', rest) },
  })
  mkdirSync(join(installation.folder, 'data'))
  writeFileSync(join(installation.folder, 'data/a.txt'), 'a')
  const { proxyPort, gateway } = await startHere(t, installation)
  const ask = (line: string, rest = 'Content-Length: 0\r\n\r\n') =>
    exchangeRaw(
      proxyPort,
      `${line} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${rest}`,
    )
  /** How many of each phase were counted, once there are `settled` of all. */
  const counted = async (settled: number, metric = 'request') => {
    let text = ''
    await eventually('all is counted', async () => {
      text = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
      return Number(new RegExp(`^sallyport_${metric}_phase_duration_seconds_count.*"policy"} (\\d+)$`, 'm').exec(text)?.[1]) === settled
    })
    const counts = text.matchAll(
      new RegExp(`^sallyport_${metric}_phase_duration_seconds_count\\{integration="weather",phase="(\\w+)"\\} (\\d+)$`, 'gm'),
    )
    return Object.fromEntries([...counts].map(([, phase = '', count]) => [phase, Number(count)]))
  }
  return { origin, proxyPort, ask, counted, at: `http://localhost:${origin.port}` }
}

test('a connection is made for the first request, kept for the second, and a denied one has a policy and a record alone', async (t) => {
  const { ask, counted, at, origin } = await arrange(t)
  await eachCase(['/ok', '/ok', '/denied'], (path) => ask(`GET ${at}${path}`))
  assert.deepEqual(await counted(3), { policy: 3, queue: 2, connect: 1, first_byte: 2, body: 2, record: 3 })
  assert.equal(origin.connections(), 1)
})

test('an upload has the same phases as any other request', async (t) => {
  const { ask, counted, at } = await arrange(t)
  const slow = 'Transfer-Encoding: chunked\r\n\r\n'
  const body = `8000\r\n${'a'.repeat(0x8000)}\r\n`.repeat(8)
  await times(2, () => ask(`PUT ${at}/ok`, `${slow}${body}0\r\n\r\n`))
  assert.deepEqual(await counted(2), { policy: 2, queue: 2, connect: 1, first_byte: 2, body: 2, record: 2 })
})

test('a destination that cannot be reached has no phase but the policy and the record', async (t) => {
  const { ask, counted, at, origin } = await arrange(t)
  origin.server.close()
  assert.match(await ask(`GET ${at}/ok`), /^HTTP\/1\.1 502 /)
  assert.deepEqual(await counted(1), { policy: 1, record: 1 })
})

test('a service has the phases of an origin', async (t) => {
  const { ask, counted } = await arrange(t)
  await times(2, async () => assert.match(await ask('GET /services/search/x'), /^HTTP\/1\.1 200 /))
  assert.deepEqual(await counted(2), { policy: 2, queue: 2, connect: 1, first_byte: 2, body: 2, record: 2 })
})

test('the first byte of a WebSocket is that of the head that opens it', async (t) => {
  const { proxyPort, counted, origin } = await arrange(t)
  new WebSocketServer({ server: origin.server }).on('connection', (socket) => socket.close())
  const socket = new WebSocket(`ws://127.0.0.1:${proxyPort}/services/search/x`, {
    headers: { 'proxy-authorization': proxyHeader('weather') },
  })
  await once(socket, 'close')
  assert.deepEqual(await counted(1, 'connection'), { policy: 1, queue: 1, connect: 1, first_byte: 1, body: 1, record: 1 })
})

test('a tunnel has no phase for a first byte: its bytes belong to its two ends', async (t) => {
  const { proxyPort, counted, origin } = await arrange(t, 'tls: tunnel')
  const socket = await openTunnel(proxyPort, `localhost:${origin.port}`)
  socket.destroy()
  assert.deepEqual(await counted(1, 'connection'), { policy: 1, queue: 1, connect: 1, record: 1 })
})

test('a file request has a phase for its turn at the disk, and none for a connection', async (t) => {
  const { ask, counted } = await arrange(t)
  assert.match(await ask('GET /v1/files/data/a.txt'), /^HTTP\/1\.1 200 /)
  assert.deepEqual(await counted(1), { policy: 1, queue: 1, first_byte: 1, body: 1, record: 1 })
})
