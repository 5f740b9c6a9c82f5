/** What is wrong with an origin is told so that somebody can act on it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server, createSecureServer as createHttp2TlsServer } from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { createServer } from '../support/sockets.ts'
import { exchangeInside } from '../support/tunnel.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** Each with what its caller is told. `no upload` where an upload's first write may find the connection closed instead. */
async function startOrigins(t: TestContext, { key, certificate: cert }: { key: string; certificate: string }) {
  const requiring = { key, cert, requestCert: true, rejectUnauthorized: true, ca: [cert] }
  const answering = (socket: Socket) => void socket.on('error', () => {}).once('data', () => socket.end(ok))
  const saying = (bytes: string) => (socket: Socket) => void socket.on('error', () => {}).once('data', () => socket.write(bytes, 'latin1'))
  const secure: [string, Server][] = [
    ['asks for a client certificate', createTlsServer({ ...requiring, minVersion: 'TLSv1.3' }, answering)],
    [
      'refused the TLS handshake: it asks for a client certificate, or',
      createTlsServer({ ...requiring, maxVersion: 'TLSv1.2' }, answering),
    ],
    [
      'answered with what is not HTTP/1.1: Invalid header token',
      createTlsServer({ key, cert }, saying('HTTP/1.1 200 OK\r\nA B: c\r\n\r\n')),
    ],
  ]
  const plain: [string, Server][] = [
    ['answered with what is not HTTP/1.1: Invalid header token', createServer(saying('HTTP/1.1 200 OK\r\nA B: c\r\n\r\n'))],
    ['answered with what is not HTTP/1.1: Expected HTTP/', createServer(saying('SSH-2.0-OpenSSH_9.9\r\n'))],
    ['answered with a head that is larger than 64 KiB', createServer(saying(`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}\r\n\r\n`))],
    ['closed the connection before its reply was whole', createServer((socket) => void socket.once('data', () => socket.destroy()))],
  ]
  const http2Only: [string, Server][] = [
    ['speaks HTTP/2 only', createTlsServer({ key, cert, ALPNProtocols: ['h2'] }, answering)],
    ['speaks HTTP/2 only', createHttp2TlsServer({ key, cert })],
  ]
  const plainHttp2Only: [string, Server][] = [['speaks HTTP/2 only', createHttp2Server()]]
  const listening = async ([told, server]: [string, Server]) => {
    server
      .on('error', () => {})
      .on('tlsClientError', () => {})
      .on('sessionError', () => {})
    const open = new Set<Socket>()
    server.on('connection', (socket: Socket) => open.add(socket))
    t.after(() => {
      for (const socket of open) socket.destroy()
      server.close()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { told, port: (server.address() as AddressInfo).port }
  }
  const all = (list: readonly [string, Server][]) => Promise.all(list.map(listening))
  const services = [
    ...(await all(http2Only)).map((item) => ({ ...item, scheme: 'https' })),
    ...(await all(plainHttp2Only)).map((item) => ({ ...item, scheme: 'http' })),
  ]
  return { secure: await all(secure), plain: await all(plain), services }
}

test('an origin that speaks HTTP/2 only, asks for a certificate or breaks the protocol is told as that, to a GET, an upload and a WebSocket', async (t) => {
  const installation = createInstallation(t, { config: 'http: { originCa: ./origin-ca.crt, originTimeout: 10s }' })
  const { secure, plain, services } = await startOrigins(t, await createOriginCertificate(installation.folder, 'localhost'))
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  const ports = (list: readonly { readonly port: number }[]) => list.map(({ port }) => port).join()
  const named = [
    ...secure.map((item) => ({ ...item, scheme: 'https' })),
    ...plain.map((item) => ({ ...item, scheme: 'http' })),
    // As services these are asked in HTTP/1.1.
    ...services,
  ]
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}services:\n${named.map(({ port, scheme }) => `  - { name: s${port}, url: "${scheme}://localhost:${port}" }\n`).join('')}`,
  )
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `services: [${named.map(({ port }) => `{ name: s${port}, websocket: true }`).join()}]\nnetwork:\n  - { ${to}, ports: [${ports(secure)}], tls: intercept }\n  - { ${to}, ports: [${ports(plain)}], tls: none }`,
    ),
  )
  const { proxyPort } = await startHere(t, installation)
  const refusal = (told: string) => new RegExp(`^HTTP/1\\.1 502 origin-failed\\r\\n.*localhost ${told.replaceAll('/', '\\\\?/')}`, 's')
  const upload = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
  await eachCase(secure, ({ told, port }) =>
    eachCase(
      [
        ['GET', '\r\n'],
        ['POST', upload],
      ],
      async ([method, rest]) => {
        const head = `${method} / HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n${rest}`
        assert.match(await exchangeInside(installation, { proxyPort, port }, head), refusal(told), `${method} ${told}`)
      },
    ),
  )
  await eachCase(plain, ({ told, port }) =>
    eachCase(
      [
        ['GET', '\r\n'],
        ['POST', upload],
      ],
      async ([method, rest]) => {
        const host = `localhost:${port}`
        const head = `${method} http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n${rest}`
        assert.match(await exchangeRaw(proxyPort, head), refusal(told), `${method} ${told}`)
      },
    ),
  )
  const websocket =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n'
  await eachCase(named, ({ told, port }) =>
    eachCase(
      [
        ['GET', 'Connection: close\r\n\r\n'],
        ['POST', `Connection: close\r\n${upload}`],
        ['GET', websocket],
      ],
      async ([method, rest]) => {
        const head = `${method} /services/s${port}/ HTTP/1.1\r\nHost: gateway\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${rest}`
        const reply = await exchangeRaw(proxyPort, head)
        assert.match(reply, /^HTTP\/1\.1 502 origin-failed\r\n/, `${method} ${told}`)
        // Where it is, its caller is not told.
        assert.ok(
          reply.includes(`s${port} ${told}`) && !reply.includes('localhost'),
          `${method} ${rest === websocket ? 'WebSocket ' : ''}${told}: ${reply}`,
        )
      },
    ),
  )
})

test('callers of a named service never learn its address, and the operator does', async (t) => {
  const installation = createInstallation(t, {})
  const { key, certificate: cert } = await createOriginCertificate(installation.folder, 'localhost')
  const untrusted = createTlsServer({ key, cert }).on('tlsClientError', () => {})
  const closed = createServer()
  await eachCase([untrusted, closed], (server) => once(server.listen(0, '127.0.0.1'), 'listening'))
  const [untrustedPort, closedPort] = [untrusted, closed].map((server) => (server.address() as AddressInfo).port)
  t.after(() => untrusted.close())
  closed.close()
  await once(closed, 'close')
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}services:
  - { name: distrusted, url: "https://localhost:${untrustedPort}" }
  - { name: down, url: "http://localhost:${closedPort}" }
  - { name: nameless, url: "http://no-such-name.invalid" }
http: { dnsServers: ["127.0.0.1:${closedPort}"] }
`,
  )
  installation.write('integrations/weather.yaml', grant({ services: [{ name: 'distrusted' }, { name: 'down' }, { name: 'nameless' }] }))
  const { proxyPort } = await startHere(t, installation)
  await eachCase(
    [
      ['distrusted', 'the TLS of distrusted cannot be trusted: '],
      ['down', 'down cannot be reached: ECONNREFUSED'],
      ['nameless', 'the name of nameless cannot be resolved"'],
    ] as const,
    async ([name, told]) => {
      const head = `GET /services/${name}/ HTTP/1.1\r\nHost: gateway\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`
      const reply = await exchangeRaw(proxyPort, head)
      assert.ok(reply.includes(`"detail":"${told}`), reply)
      // The link to /v1/self has the address that the caller itself is connected to.
      assert.doesNotMatch(reply.replace(/"self":"[^"]*"/, ''), /localhost|no-such-name|127\.0\.0\.1|::1/)
    },
  )
  const details = await eventually('all of them are settled', () => {
    const settled = installation.records().filter(({ type }) => type === 'settled')
    return settled.length === 3 ? settled.map(({ detail }) => String(detail)).join('\n') : null
  })
  assert.match(details, /the name no-such-name\.invalid cannot be resolved/)
  assert.ok(details.includes(`port ${closedPort}: `), details)
})
