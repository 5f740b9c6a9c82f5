/** Connections of a listener that several integrations share: whatever one of them holds, another one's request is answered. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, manifest, networkTo, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect, createServer } from '../support/sockets.ts'
import { openInside, readAll } from '../support/tunnel.ts'

/** A listener of 12 connections, 4 of them for callers that have proved nothing; an origin, and a server that says nothing. */
async function arrange(t: TestContext, headersTimeout = '1h') {
  const silent = createServer((socket) => void socket.on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const silentPort = (silent.address() as AddressInfo).port
  const origin = await startOrigin(t)
  const network = `network:\n  - ${networkTo(origin.port).replace(/^network: \[|\]$/g, '')}\n  - { hosts: [localhost], ports: [${silentPort}], tls: tunnel, addresses: [127.0.0.0/8, "::1/128"] }\n`
  const installation = createInstallation(t, {
    config: `http: { maxConnections: 12, maxUnidentifiedConnections: 4, headersTimeout: ${headersTimeout}, keepAlive: 1h }\ndrainTimeout: 10ms`,
    manifests: {
      'greedy.yaml': manifest('greedy', network),
      'weather.yaml': manifest('weather', network),
      'small.yaml': manifest('small', `${network}limits: { connections: 2 }`),
    },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const open = async (port = proxyPort): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const ask = async (socket: Socket, head: string): Promise<string> => {
    socket.write(head)
    return String((await once(socket, 'data'))[0])
  }
  const target = `localhost:${origin.port}`
  const get = (name: string) => `GET http://${target}/ HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${proxyHeader(name)}\r\n\r\n`
  /** A connection that has had an answer, and stays open. */
  const idle = async (name: string): Promise<Socket> => {
    const socket = await open()
    assert.match(await ask(socket, get(name)), /^HTTP\/1\.1 200 /)
    return socket
  }
  const connectTo = async (name: string): Promise<{ socket: Socket; head: string }> => {
    const socket = await open()
    const authority = `localhost:${silentPort}`
    const head = await ask(
      socket,
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader(name)}\r\n\r\n`,
    )
    return { socket, head }
  }
  /** A connection that is in use for good. */
  const tunnel = async (name: string): Promise<Socket> => {
    const { socket, head } = await connectTo(name)
    assert.match(head, /^HTTP\/1\.1 200 /)
    return socket
  }
  return { installation, health: gateway.health, open, ask, idle, tunnel, connectTo }
}

const several = async <T>(count: number, make: () => Promise<T>): Promise<T[]> => {
  const made: T[] = []
  for (let i = 0; i < count; i += 1) made.push(await make())
  return made
}

test('an integration that holds every connection in use gives one to another, the newest', async (t) => {
  const { idle, tunnel } = await arrange(t)
  const held = await several(8, () => tunnel('greedy'))
  const newest = once(held[7] as Socket, 'close')
  await idle('weather')
  await newest
  assert.deepEqual(
    held.map(({ closed }) => closed),
    [false, false, false, false, false, false, false, true],
  )
})

test('what is idle gives way before what is in use, and the oldest first', async (t) => {
  const { idle, tunnel } = await arrange(t)
  const inUse = await several(4, () => tunnel('greedy'))
  const unused = await several(4, () => idle('greedy'))
  const oldest = once(unused[0] as Socket, 'close')
  await idle('weather')
  await oldest
  assert.deepEqual(
    [...unused, ...inUse].map(({ closed }) => closed),
    [true, false, false, false, false, false, false, false],
  )
})

test('two that share a full listener keep what they have, and each takes what is its own', async (t) => {
  const { idle, tunnel, connectTo } = await arrange(t)
  const [mine, others] = [await several(4, () => tunnel('weather')), await several(4, () => tunnel('greedy'))]
  const { head } = await connectTo('greedy')
  assert.match(head, /^HTTP\/1\.1 429 .*sallyport-problem: connections-exceeded/s)
  assert.ok([...mine, ...others].every(({ closed }) => !closed))
  mine[0]?.destroy()
  await eventually('the place is free', () => idle('weather'))
})

test('an integration alone may have all there is', async (t) => {
  const { tunnel } = await arrange(t)
  const held = await several(8, () => tunnel('greedy'))
  assert.ok(held.every(({ closed }) => !closed))
})

test('silent and unidentified connections keep no other caller out', async (t) => {
  const { open, ask, idle } = await arrange(t)
  const silent = await several(30, () => open())
  assert.match(await ask(await open(), 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 407 /)
  await idle('weather')
  await eventually('only a few are kept', () => silent.filter(({ closed }) => !closed).length <= 4)
})

test('a caller that proves nothing is cut when its time is over, though it was answered', async (t) => {
  const { open, ask } = await arrange(t, '200ms')
  const socket = await open()
  const gone = once(socket, 'close')
  assert.match(await ask(socket, 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 407 /)
  await gone
})

test('the health port answers, and keeps no more connections than it has to, however many are held', async (t) => {
  const { open, health } = await arrange(t)
  const held = await several(300, () => open(health.port))
  assert.equal((await fetch(`http://127.0.0.1:${health.port}/healthz`)).status, 200)
  await eventually('the oldest have given way', () => held.filter(({ closed }) => !closed).length < 256)
})

test('its own limit holds an integration: an idle connection gives way, one in use does not', async (t) => {
  const { idle, tunnel, connectTo, installation } = await arrange(t)
  const first = await tunnel('small')
  const second = await idle('small')
  const gone = once(second, 'close')
  await tunnel('small')
  await gone
  assert.equal(first.closed, false)
  const { head, socket } = await connectTo('small')
  assert.match(head, /^HTTP\/1\.1 429 .*sallyport-problem: connections-exceeded/s)
  await once(socket, 'close')
  const refused = installation.records().find(({ code }) => code === 'connections-exceeded')
  assert.equal(refused?.['integration'], 'small')
})

test('an intercepted request needs one slot and one token: its CONNECT is an arrival, and a connection', async (t) => {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt }' })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const origin = await startOrigin(t, { certificate })
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [toLocalhost(origin.port, { tls: 'intercept' })],
      limits: { concurrency: 1, connections: 2, requests: { rate: '1/h', burst: 2 } },
    }),
  )
  const { proxyPort } = await startHere(t, installation)
  const to = { proxyPort, port: origin.port }
  const request = `GET / HTTP/1.1\r\nHost: localhost:${origin.port}\r\nConnection: close\r\n\r\n`
  const [first, two] = [await openInside(installation, to), await openInside(installation, to)]
  await assert.rejects(openInside(installation, to), /^Error: HTTP\/1\.1 429 .*connections-exceeded/s)
  await eachCase([first, two], async (secure) => {
    const reply = readAll(secure)
    secure.write(request)
    assert.match(await reply, /^HTTP\/1\.1 200 /)
  })
  const third = await openInside(installation, to)
  const reply = readAll(third)
  third.write(request)
  assert.match(await reply, /^HTTP\/1\.1 429 .*quota-exceeded/s)
})
