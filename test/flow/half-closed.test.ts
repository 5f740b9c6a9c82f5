/** Callers that end their side behind their request still read: they get their reply, and those that have gone are found out. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { startDoors } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { connect, createServer } from '../support/sockets.ts'
import { openInside, openTunnel } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`

/** Sends, ends its side, and gives all that comes back until the other side ends. */
async function sendAndEnd(socket: Socket, bytes: string): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.end(bytes)
  await once(socket, 'end')
  return text
}

test('a caller that ends its side behind its request gets its reply, through every door', async (t) => {
  const held: (() => void)[] = []
  const answer: Parameters<typeof startOrigin>[1] = {
    answer(req, res) {
      if (req.url === '/slow') held.push(() => void res.end('hello'))
      else req.resume().once('end', () => res.end('hello'))
    },
  }
  // Answers once it was told that this is all.
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    let heard = ''
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        heard += chunk
      })
    socket.once('end', () => socket.end(`heard ${heard}`))
  }).listen(0, '127.0.0.1')
  t.after(() => echo.close())
  await once(echo, 'listening')
  const echoPort = (echo.address() as AddressInfo).port
  const plain = await startOrigin(t, answer)
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt, idleTimeout: 1h, originTimeout: 1h }\nservices: [{ name: named, url: "http://localhost:${plain.port}", timeout: 1h }]`,
  })
  const secure = await startOrigin(t, { ...answer, certificate: await createOriginCertificate(installation.folder, 'localhost') })
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `services: [{ name: named }]\nnetwork:\n  - { ${to}, ports: [${plain.port}], tls: none }\n  - { ${to}, ports: [${echoPort}], tls: tunnel }\n  - { ${to}, ports: [${secure.port}], tls: intercept }`,
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const open = () => connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  const body = 'Content-Length: 5\r\n\r\nhello'
  const proxied = (method: string, path = '/') =>
    `${method} http://localhost:${plain.port}${path} HTTP/1.1\r\nHost: localhost:${plain.port}\r\n${auth}`
  const own = `Host: localhost:${secure.port}\r\n`

  assert.match(await sendAndEnd(open(), `${proxied('GET')}\r\n`), /^HTTP\/1\.1 200 .*hello$/s)
  assert.match(await sendAndEnd(open(), `${proxied('POST')}${body}`), /^HTTP\/1\.1 200 .*hello$/s)
  assert.match(await sendAndEnd(open(), `${proxied('GET', '/elsewhere')}Expect: nothing\r\n\r\n`), /^HTTP\/1\.1 417 /)
  assert.match(await sendAndEnd(open(), `GET /services/named/ HTTP/1.1\r\nHost: gateway\r\n${auth}\r\n`), /^HTTP\/1\.1 200 .*hello$/s)
  assert.match(await sendAndEnd(open(), `POST /services/named/ HTTP/1.1\r\nHost: gateway\r\n${auth}${body}`), /^HTTP\/1\.1 200 .*hello$/s)
  assert.match(await sendAndEnd(open(), `GET /v1/self HTTP/1.1\r\nHost: gateway\r\n${auth}\r\n`), /^HTTP\/1\.1 200 .*"weather"/s)
  const inside = await openInside(installation, { proxyPort, port: secure.port, tls: { allowHalfOpen: true } as object })
  assert.match(await sendAndEnd(inside, `GET / HTTP/1.1\r\n${own}\r\n`), /^HTTP\/1\.1 200 .*hello$/s)
  // What a tunnel's caller says behind its CONNECT, and that it has said all, reaches the origin.
  const tunnelled = await sendAndEnd(open(), `CONNECT localhost:${echoPort} HTTP/1.1\r\n${auth}\r\nall`)
  assert.match(tunnelled, /^HTTP\/1\.1 200 Connection Established\r\n.*\r\n\r\nheard all$/s)
  assert.equal(await sendAndEnd(await openTunnel(proxyPort, `localhost:${echoPort}`, { allowHalfOpen: true }), 'more'), 'heard more')

  // One that waits is asked whether it is there, in words that any client passes over.
  const waiting = sendAndEnd(open(), `${proxied('GET', '/slow')}\r\n`)
  await eventually('the origin is asked', () => held.length === 1)
  const gone = connect({ port: proxyPort, host: '127.0.0.1' })
  gone.write(`${proxied('GET', '/slow')}\r\n`)
  await eventually('the origin is asked again', () => held.length === 2)
  gone.destroy()
  const left = await eventually('the one that has gone is found out', () => installation.records().find(({ status }) => status === 499))
  assert.equal(left['problem'], 'client-closed')
  held[0]?.()
  assert.match(await waiting, /^(?:HTTP\/1\.1 102 Processing\r\n\r\n)+HTTP\/1\.1 200 .*hello$/s)
})

test('an upload that is cut short is one arrival, ended at once, through every door', async (t) => {
  const answer = () => {}
  const { installation, doors } = await startDoors(t, {
    startOrigins: async (certificate) => ({
      plainPort: (await startOrigin(t, { answer })).port,
      tlsPort: (await startOrigin(t, { answer, certificate })).port,
    }),
    http: ', idleTimeout: 1h, originTimeout: 1h',
    service: ', timeout: 1h',
  })
  await eachCase(Object.entries(doors), ([door, { open, target, head }]) =>
    eachCase(['destroy', 'resetAndDestroy'] as const, async (end) => {
      const mine = () => installation.records().filter((record) => record['door'] === door)
      const before = mine().length
      const socket = await open()
      socket.on('error', () => {})
      socket.write(`POST ${target}/ HTTP/1.1\r\n${head}Content-Length: 1000000\r\n\r\n${'x'.repeat(1000)}`)
      const decided = await eventually(`${door} decides`, () => mine()[before])
      // A reset is sent by the connection below.
      if (end === 'resetAndDestroy') (((socket as unknown as { _parent?: Socket })._parent ?? socket) as Socket).resetAndDestroy()
      else socket.destroy()
      const settled = await eventually(`${door} settles after ${end}`, () =>
        installation.records().find(({ type, id }) => type === 'settled' && id === decided['id']),
      )
      assert.deepEqual([settled['status'], settled['complete']], [499, false], `${door} ${end}`)
      assert.deepEqual(
        mine()
          .slice(before)
          .map(({ type }) => type),
        ['decided'],
        `${door} ${end}`,
      )
    }),
  )
})

test('each half of a tunnel ends on its own; lost bytes are no complete tunnel, and neither half is kept forever', async (t) => {
  const origins: Socket[] = []
  let heard = ''
  const origin = createServer({ allowHalfOpen: true }, (socket) => {
    origins.push(socket)
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        heard += chunk
      })
  }).listen(0, '127.0.0.1')
  t.after(() => {
    eachCase(origins, (socket) => {
      socket.destroy()
    })
    origin.close()
  })
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  const installation = createInstallation(t, {
    config: 'http: { idleTimeout: 1s }',
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(port, { tls: 'tunnel' })] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  let count = 0
  const open = async () => {
    const caller = await openTunnel(proxyPort, `localhost:${port}`, { allowHalfOpen: true })
    count += 1
    const said = { text: '' }
    caller
      .on('error', () => {})
      .on('data', (chunk) => {
        said.text += chunk
      })
    return { caller, said, server: await eventually('the origin is connected', () => origins[count - 1]) }
  }
  const complete = () =>
    eventually('it is settled', () => {
      const settled = installation.records().filter(({ type }) => type === 'settled')
      return settled.length === count ? { is: settled.at(-1)?.['complete'] } : null
    }).then(({ is }) => is)

  const first = await open()
  first.server.end('all that I say')
  await once(first.caller, 'end')
  assert.equal(first.said.text, 'all that I say')
  first.caller.write('and I more')
  await eventually('the origin hears what comes after its own end', () => heard === 'and I more')
  first.caller.end()
  assert.equal(await complete(), true)

  const reset = await open()
  reset.caller.pause()
  reset.server.end(Buffer.alloc(8_000_000))
  await eventually('some of it has come', () => reset.caller.readableLength > 0)
  reset.caller.resetAndDestroy()
  assert.equal(await complete(), false)

  // The origin has closed, and its caller says nothing more: the deadline is that of any tunnel.
  const silent = await open()
  silent.server.end('bye')
  await once(silent.caller, 'end')
  assert.equal(await complete(), false)
})
