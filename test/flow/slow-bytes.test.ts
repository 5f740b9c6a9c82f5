/** A byte bucket slows what is under way, through every door and both ways: never a byte ahead of what the bucket holds by then. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type RequestDoor, startDoors } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { connect, createServer as createTcpServer } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openTunnel } from '../support/tunnel.ts'
import { callersFrame, frame, opened, upgradeHeaders } from '../support/websocket.ts'

const compilerTest = await testWith('compiler')

const [rate, burst, total] = [100_000, 20_000, 80_000]
const limits = 'limits: { bytesIn: { rate: 100000/s, burst: 20000 }, bytesOut: { rate: 100000/s, burst: 20000 } }'
/** Heads, the framing of chunks, and what a timer may be late by. */
const slackBytes = 4000
const payload = Buffer.alloc(total, 'sallyport ')

/** Bytes as they come, by the clock that the bucket has. */
class Watch {
  readonly #from = performance.now()
  readonly #seen: { readonly bytes: number; readonly at: number }[] = []
  bytes = 0

  saw(chunk: Buffer): void {
    this.bytes += chunk.byteLength
    this.#seen.push({ bytes: this.bytes, at: performance.now() })
  }

  /** However slow the machine is: what is late only makes more pass by then. */
  assertSlow(): void {
    assert.ok(this.bytes >= total, `${this.bytes} bytes came`)
    for (const { bytes, at } of this.#seen) {
      const most = burst + (rate * (at - this.#from)) / 1000 + slackBytes
      assert.ok(bytes <= most, `${bytes} bytes after ${at - this.#from} ms, where there was room for ${most}`)
    }
  }
}

/** Answers GET /<how> with the payload; takes what is sent by other methods, under the eyes of `uploads`. */
function createOrigin() {
  const uploads: { watch: Watch | null; body: Buffer[] } = { watch: null, body: [] }
  const answer: RequestListener = (req, res) => {
    if (req.method !== 'GET') {
      req.on('data', (chunk: Buffer) => {
        uploads.watch?.saw(chunk)
        uploads.body.push(chunk)
      })
      req.on('end', () => void res.end('taken'))
    } else if (req.url === '/pushed') {
      for (let from = 0; from < total; from += 8000) res.write(payload.subarray(from, from + 8000))
      res.end()
    } else res.end(payload)
  }
  return { uploads, answer }
}

async function listen(t: TestContext, server: ReturnType<typeof createServer> | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function arrange(t: TestContext, more: { rights?: string; config?: string; http?: string; rules?: string } = {}) {
  const { uploads, answer } = createOrigin()
  const started = await startDoors(t, {
    rights: limits,
    ...more,
    async startOrigins({ key, certificate }) {
      const plainPort = await listen(t, createServer(answer))
      return { plainPort, tlsPort: await listen(t, createTlsServer({ key, cert: certificate }, answer)) }
    },
  })
  return { ...started, uploads }
}

/** All that comes until the end, watched. */
function readAll(socket: Socket, watch = new Watch()): Promise<{ watch: Watch; text: string }> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      watch.saw(chunk)
      text += chunk.toString('latin1')
    })
    socket.on('error', reject).on('close', () => resolve({ watch, text }))
  })
}

const doors = ['proxy', 'services', 'intercept'] as const
for (const door of doors)
  for (const path of ['/pushed', '/whole'])
    test(`a reply (${path}) through ${door} comes at the rate of bytesIn, whole`, async (t) => {
      const { open, target, head } = (await arrange(t)).doors[door]
      const socket = await open()
      const reading = readAll(socket)
      socket.write(`GET ${target}${path} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
      const { watch, text } = await reading
      assert.match(text, /^HTTP\/1.1 200 /)
      watch.assertSlow()
    })

/** Sends the payload as a chunked body, and checks how it comes. */
async function upload(door: RequestDoor, uploads: ReturnType<typeof createOrigin>['uploads']): Promise<void> {
  const { open, target, head } = door
  const socket = await open()
  uploads.watch = new Watch()
  const reading = readAll(socket)
  socket.write(`POST ${target}/upload HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`)
  socket.write(Buffer.concat([Buffer.from(`${total.toString(16)}\r\n`), payload, Buffer.from('\r\n0\r\n\r\n')]))
  assert.match((await reading).text, /^HTTP\/1.1 200 [\s\S]*taken/)
  uploads.watch.assertSlow()
  assert.ok(Buffer.concat(uploads.body).equals(payload))
}

for (const door of doors)
  test(`an upload of undeclared length through ${door} goes at the rate of bytesOut, whole`, async (t) => {
    const { doors, uploads } = await arrange(t)
    await upload(doors[door], uploads)
  })

compilerTest('a body that rules have read goes at the rate of bytesOut too', async (t) => {
  const { doors, uploads } = await arrange(t, {
    config: 'policy: { rules: ./rules }',
    http: ', maxPolicyBody: 1MB',
    rules: rego`
      package sallyport.rules

      deny contains "no" if input.http.body.type == "json"
    `,
  })
  await upload(doors.proxy, uploads)
})

/** Both ways at once over raw bytes: what came first is the caller's. */
function startRawOrigin(t: TestContext, greet: (socket: Socket) => void) {
  const watch = new Watch()
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    greet(socket)
    socket.on('data', (chunk) => watch.saw(chunk))
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return listen(t, server).then((port) => ({ port, watch, sockets }))
}

test('a blind tunnel carries both ways at their rates, what came with the CONNECT included', async (t) => {
  // Each has said all, and ends its half, long before all of it has passed.
  const origin = await startRawOrigin(t, (socket) => void socket.end(payload))
  const { proxyPort, installation } = await startTunnels(t, origin.port)
  const socket = connect(proxyPort, '127.0.0.1')
  t.after(() => socket.destroy())
  const back = new Watch()
  socket.on('data', (chunk) => back.saw(chunk))
  socket.write(
    Buffer.concat([
      Buffer.from(`CONNECT localhost:${origin.port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`),
      payload.subarray(0, 40_000),
    ]),
  )
  socket.end(payload.subarray(40_000))
  const settled = await eventually('it is settled', () => installation.records().find(({ type }) => type === 'settled'))
  assert.deepEqual([settled['sentBytes'], settled['receivedBytes'], settled['complete']], [total, total, true])
  back.assertSlow()
  origin.watch.assertSlow()
})

async function startTunnels(t: TestContext, port: number, { network = '', rest = limits, config = '' } = {}) {
  const installation = createInstallation(t, {
    config,
    manifests: {
      'weather.yaml': manifest(
        'weather',
        `network: [{ hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"]${network} }]\n${rest}`,
      ),
    },
  })
  return { installation, ...(await startHere(t, installation)) }
}

/** As many bytes as `total`, heads included. */
const frames = { caller: callersFrame(payload.subarray(14)), origin: frame(payload.subarray(10)) }

async function openWebSocket(t: TestContext, { rest = limits, ends = false, config = '', says = frames.origin } = {}) {
  const origin = await startRawOrigin(t, (socket) =>
    socket.once('data', () => {
      socket.write(opened())
      if (ends) socket.end(says)
      else socket.write(says)
    }),
  )
  const installation = createInstallation(t, {
    config: `services: [{ name: live, url: "http://127.0.0.1:${origin.port}" }]\n${config}`,
    manifests: { 'weather.yaml': manifest('weather', `services: [{ name: live, websocket: true }]\n${rest}`) },
  })
  const { proxyPort } = await startHere(t, installation)
  const socket = connect(proxyPort, '127.0.0.1')
  t.after(() => socket.destroy())
  const back = new Watch()
  let text = ''
  socket.on('data', (chunk) => {
    back.saw(chunk)
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const open = (early: Buffer) =>
    socket.write(
      Buffer.concat([
        Buffer.from(`GET /services/live/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${upgradeHeaders}\r\n`),
        early,
      ]),
    )
  return { installation, origin, socket, back, open, text: () => text }
}

test('a WebSocket carries both ways at their rates, frames that came early included', async (t) => {
  const { origin, socket, back, open } = await openWebSocket(t)
  open(frames.caller.subarray(0, 40_000))
  socket.write(frames.caller.subarray(40_000))
  await eventually('all has come', () => back.bytes >= total && origin.watch.bytes >= total)
  back.assertSlow()
  origin.watch.assertSlow()
})

test('a service that has said all is heard whole before its end', async (t) => {
  const { installation, back, open } = await openWebSocket(t, { ends: true })
  open(Buffer.alloc(0))
  const { receivedBytes, complete } = await settledOnce(installation.records)
  assert.deepEqual([receivedBytes, complete], [total, true])
  back.assertSlow()
})

test('messages pass no faster than their rate, in either direction, and a WebSocket that is slowed by it is not idle', async (t) => {
  const small = { caller: callersFrame('m'), origin: frame('m') }
  const { origin, open, text } = await openWebSocket(t, {
    rest: '',
    config: 'websockets: { messagesPerSecond: 10, idleTimeout: 500ms }',
    says: Buffer.concat(Array(20).fill(small.origin)),
  })
  const began = performance.now()
  open(Buffer.concat(Array(20).fill(small.caller)))
  // Ten are in the bucket, and ten more take a second.
  await eventually('all have come', () => text().endsWith(small.origin.toString('latin1').repeat(20)) && origin.watch.bytes >= 20 * 7)
  assert.ok(performance.now() - began >= 990)
})

test('a slowed WebSocket is not idle', async (t) => {
  const { socket, text, open } = await openWebSocket(t, {
    rest: trickle.replaceAll('5/s', '20/s'),
    config: 'websockets: { idleTimeout: 40ms }',
  })
  open(Buffer.alloc(0))
  await eventually('some have come', () => /\r\n\r\n.{10}sally/s.test(text()))
  // The gateway would wait for it when it is closed.
  socket.destroy()
})

test('a file is read and written at the rates', async (t) => {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': manifest('weather', `files: [{ name: data, root: ../data, actions: [read, write] }]\n${limits}`) },
  })
  mkdirSync(join(installation.folder, 'data'))
  writeFileSync(join(installation.folder, 'data/large'), payload)
  const { proxyPort } = await startHere(t, installation)
  const ask = (start: string) => {
    const socket = connect(proxyPort, '127.0.0.1')
    const reading = readAll(socket)
    socket.write(`${start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weather-token\r\nConnection: close\r\n`)
    return { socket, reading }
  }
  const read = ask('GET /v1/files/data/large')
  read.socket.write('\r\n')
  ;(await read.reading).watch.assertSlow()
  const before = performance.now()
  const write = ask('PUT /v1/files/data/new')
  write.socket.write('Transfer-Encoding: chunked\r\n\r\n')
  write.socket.write(Buffer.concat([Buffer.from(`${total.toString(16)}\r\n`), payload, Buffer.from('\r\n0\r\n\r\n')]))
  assert.match((await write.reading).text, /^HTTP\/1.1 201 /)
  assert.ok(((total - burst - slackBytes) * 1000) / rate <= performance.now() - before)
})

const trickle = 'limits: { bytesIn: { rate: 5/s, burst: 1 }, bytesOut: { rate: 5/s, burst: 1 } }'
const settledOnce = (read: () => Record<string, unknown>[]) =>
  eventually('it is settled', () => read().find(({ type }) => type === 'settled'))

test('a slowed reply ends at once with its caller, and its origin hears of it', async (t) => {
  const { doors, installation } = await arrange(t, { rights: trickle })
  const { open, target, head } = doors.proxy
  const socket = await open()
  socket.write(`GET ${target}/pushed HTTP/1.1\r\n${head}\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  const { receivedBytes, problem, complete } = await settledOnce(installation.records)
  assert.ok(Number(receivedBytes) < 1000)
  assert.deepEqual([problem, complete], ['client-closed', false])
})

test('a slowed upload to a file ends at once with its caller', async (t) => {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': manifest('weather', `files: [{ name: data, root: ../data, actions: [write] }]\n${trickle}`) },
  })
  mkdirSync(join(installation.folder, 'data'))
  const { proxyPort } = await startHere(t, installation)
  const socket = connect(proxyPort, '127.0.0.1')
  socket.write(
    'PUT /v1/files/data/new HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weather-token\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n',
  )
  await eventually('it is decided', () => installation.records().some(({ type }) => type === 'decided'))
  socket.destroy()
  assert.equal((await settledOnce(installation.records))['problem'], 'client-closed')
})

test('a slowed reply and a slowed upload are not idle, and come whole', async (t) => {
  const { doors, uploads } = await arrange(t, {
    rights: 'limits: { bytesIn: { rate: 5/s, burst: 79996 }, bytesOut: { rate: 5/s, burst: 1 } }',
    http: ', idleTimeout: 100ms, originTimeout: 100ms',
  })
  const { open, target, head } = doors.proxy
  const download = await open()
  const reading = readAll(download)
  download.write(`GET ${target}/whole HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
  const { text } = await reading
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, total)
  const upload = await open()
  const answered = readAll(upload)
  upload.write(`POST ${target}/upload HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n6\r\nslowly\r\n0\r\n\r\n`)
  await eventually('the upload has come', () => Buffer.concat(uploads.body).toString() === 'slowly')
  upload.destroy()
  await answered
})

test('a slowed tunnel is not idle', async (t) => {
  const origin = await startRawOrigin(t, (socket) => void socket.write('slowly'))
  const { proxyPort } = await startTunnels(t, origin.port, { rest: trickle, config: 'http: { idleTimeout: 100ms }' })
  const socket = await openTunnel(proxyPort, `localhost:${origin.port}`)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await eventually('all has come', () => /lowly$/.test(text))
})

test('what is slowed ends with the gateway', async (t) => {
  const origin = await startRawOrigin(t, (socket) => void socket.write(payload))
  const { proxyPort, gateway, installation } = await startTunnels(t, origin.port, { rest: trickle, config: 'drainTimeout: 100ms' })
  const socket = await openTunnel(proxyPort, `localhost:${origin.port}`)
  const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  await gateway.close()
  await closed
  assert.equal((await settledOnce(installation.records))['complete'], false)
})

test('a slowed tunnel is cut when its integration is suspended', async (t) => {
  const origin = await startRawOrigin(t, (socket) => void socket.write(payload))
  const { proxyPort, installation } = await startTunnels(t, origin.port, { rest: trickle })
  const socket = await openTunnel(proxyPort, `localhost:${origin.port}`)
  const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  installation.write('integrations/weather.yaml', manifest('weather', trickle))
  await closed
  assert.equal((await settledOnce(installation.records))['complete'], false)
})
