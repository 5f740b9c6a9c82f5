/** Caps on a blind tunnel and on a WebSocket: what would pass beyond one does not, and cuts it. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { connect, createServer } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { framesOf, opened, upgradeHeaders } from '../support/websocket.ts'

const compilerTest = await testWith('compiler')

/** An origin that takes what comes, and says what a test has it say. */
async function startOrigin(t: TestContext, greet: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const origin = { port: 0, text: '', closed: false, say: (text: string) => void sockets[0]?.write(text, 'latin1') }
  const server = createServer((socket) => {
    sockets.push(socket)
    socket
      .on('error', () => {})
      .on('close', () => {
        origin.closed = true
      })
    greet(socket)
    socket.on('data', (chunk) => {
      origin.text += chunk.toString('latin1')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  origin.port = (server.address() as AddressInfo).port
  return origin
}

const kinds = {
  tunnel: {
    greet: () => {},
    manifest: (port: number) =>
      `network: [{ hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"], maxRequest: 1000B, maxReply: 1000B }]`,
    rules: '',
    request: (port: number) => `CONNECT localhost:${port} HTTP/1.1\r\nHost: x\r\n`,
    status: 200,
    rest: /^$/,
    bytes: (count: number, character: string) => character.repeat(count),
  },
  'tunnel, by rules': {
    greet: () => {},
    manifest: (port: number) => `network: [{ hosts: [localhost], ports: [${port}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }]`,
    rules: 'obligations contains {"maxRequestBytes": 1000, "maxReplyBytes": 1000} if input.tunnel',
    request: (port: number) => `CONNECT localhost:${port} HTTP/1.1\r\nHost: x\r\n`,
    status: 200,
    rest: /^$/,
    bytes: (count: number, character: string) => character.repeat(count),
  },
  WebSocket: {
    greet: (socket: Socket) => void socket.once('data', () => socket.write(opened())),
    manifest: () => 'services: [{ name: live, websocket: true }]',
    rules: 'obligations contains {"maxRequestBytes": 1000, "maxReplyBytes": 1000} if input.service.websocket',
    request: () => `GET /services/live/ HTTP/1.1\r\nHost: x\r\n${upgradeHeaders}`,
    status: 101,
    // A Close frame with 1009, to the service with a mask.
    rest: /^\x88/,
    bytes: (count: number, character: string, isMasked: boolean) => framesOf(count, character, isMasked),
  },
} as const

async function open(t: TestContext, kind: keyof typeof kinds) {
  const { greet, manifest: rights, rules, request } = kinds[kind]
  const origin = await startOrigin(t, greet)
  const installation = createInstallation(t, {
    config: `services: [{ name: live, url: "http://127.0.0.1:${origin.port}" }]\npolicy: { rules: ./rules }`,
    manifests: { 'weather.yaml': manifest('weather', rights(origin.port)) },
  })
  mkdirSync(join(installation.folder, 'rules'))
  if (rules !== '')
    installation.write(
      'rules/caps.rego',
      rego`
        package sallyport.rules

        ${rules}
      `,
    )
  const { proxyPort } = await startHere(t, installation)
  const socket = connect(proxyPort, '127.0.0.1')
  t.after(() => socket.destroy())
  let text = ''
  let closed = false
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket
    .on('error', () => {})
    .on('close', () => {
      closed = true
    })
  socket.write(`${request(origin.port)}Proxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
  await eventually('it is open', () => text.includes('\r\n\r\n'))
  const before = origin.text.length
  return {
    socket,
    origin,
    sent: () => origin.text.slice(before),
    received: () => text.slice(text.indexOf('\r\n\r\n') + 4),
    closed: () => closed && origin.closed,
    settled: () => eventually('it is settled', () => installation.records().find(({ type }) => type === 'settled')),
  }
}

for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  const run = kinds[kind].rules === '' ? test : compilerTest
  const { bytes, rest } = kinds[kind]
  run(`a ${kind} carries what its caps allow, to the last byte`, async (t) => {
    const { socket, origin, sent, received, settled } = await open(t, kind)
    socket.write(bytes(1000, 'x', true), 'latin1')
    origin.say(bytes(1000, 'y', false))
    await eventually('all has come', () => sent().length === 1000 && received().length === 1000)
    socket.destroy()
    const { problem = null, sentBytes, receivedBytes } = await settled()
    assert.deepEqual([problem, sentBytes, receivedBytes], [null, 1000, 1000])
  })

  run(`a ${kind} whose caller sends more than maxRequest is cut, and recorded so`, async (t) => {
    const { socket, sent, closed, settled } = await open(t, kind)
    socket.write(bytes(800, 'x', true), 'latin1')
    await eventually('the first part has come', () => sent().length === 800)
    socket.write(bytes(201, 'x', true), 'latin1')
    await eventually('both ends are closed', closed)
    assert.match(sent().slice(800), rest)
    const { status, problem, complete, sentBytes } = await settled()
    assert.deepEqual([status, problem, complete, sentBytes], [kinds[kind].status, 'payload-too-large', false, 800])
  })

  run(`a ${kind} whose other end sends more than maxReply is cut, and recorded so`, async (t) => {
    const { origin, received, closed, settled } = await open(t, kind)
    origin.say(bytes(800, 'y', false))
    await eventually('the first part has come', () => received().length === 800)
    origin.say(bytes(201, 'y', false))
    await eventually('both ends are closed', closed)
    assert.match(received().slice(800), rest)
    const { status, problem, complete, receivedBytes } = await settled()
    assert.deepEqual([status, problem, complete, receivedBytes], [kinds[kind].status, 'reply-too-large', false, 800])
  })
}
