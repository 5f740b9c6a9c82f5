/** Each timeout of a capability ends what it is about, by a code of its own, through every door and over either version of HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { ask, openSession } from '../support/http2.ts'
import { startHttp2Origin } from '../support/http2-origin.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startSilentListener } from '../support/silent-listener.ts'
import { createServer } from '../support/sockets.ts'
import { exchangeInside } from '../support/tunnel.ts'
import { frame, opened, upgradeHeaders } from '../support/websocket.ts'

/** What is cut by `total` has to come as far as the head of its reply, on a busy machine too. */
const short = (name: Name) => (name === 'total' ? '1s' : '150ms')
type Name = 'connect' | 'tls' | 'firstByte' | 'idle' | 'total'

const part = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'

/** By the path: it never answers, says a part, or says a byte again and again. */
function behave(socket: Socket, head: string): void {
  if (head.includes('/never')) return
  const isUpgrade = head.includes('Upgrade: ') || head.includes('upgrade: ')
  socket.write(isUpgrade ? opened() : part)
  if (!head.includes('/drips')) return
  const drip = setInterval(() => socket.write(isUpgrade ? frame('a') : '1\r\na\r\n'), 20)
  socket.once('close', () => clearInterval(drip))
}

function behaveOverHttp2(stream: ServerHttp2Stream, { ':path': path = '' }: IncomingHttpHeaders): void {
  stream.resume()
  if (path === '/never') return
  stream.respond({ ':status': 200 })
  stream.write('a')
  if (path !== '/drips') return
  const drip = setInterval(() => stream.write('a'), 20)
  stream.once('close', () => clearInterval(drip))
}

async function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => void socket.destroy())
    onSocket(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Nothing but the one timeout ends anything. */
async function arrange(t: TestContext, name: Name) {
  const never = '1h'
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt, connectTimeout: ${never}, originTimeout: ${never}, idleTimeout: ${never}, lingerTimeout: 600ms }`,
  })
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const http2 = await startHttp2Origin(t, { certificate, answer: behaveOverHttp2 })
  const ports = {
    plain: await listen(t, (socket) => socket.once('data', (head) => behave(socket, head.toString('latin1')))),
    silent: await startSilentListener(t),
    mute: await listen(t, (socket) => void socket.resume()),
    http2: http2.port,
  }
  const timeouts = { [name]: short(name) }
  const urls = {
    plain: `http://127.0.0.1:${ports.plain}`,
    silent: `http://127.0.0.1:${ports.silent}`,
    mute: `https://127.0.0.1:${ports.mute}`,
  }
  const services = Object.entries(urls)
    .flatMap(([service, url]) => [
      `  - { name: ${service}, url: "${url}", timeout: ${never} }`,
      `  - { name: ${service}-anyway, url: "${url}", timeout: ${never}, ${name === 'tls' && service !== 'mute' ? '' : `timeouts: { ${name}: ${short(name)} }`} }`,
    ])
    .join('\n')
  const inTunnel = name === 'tls' || name === 'firstByte' ? {} : { timeouts }
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        ...[ports.plain, ports.silent].flatMap((port) => [
          toLocalhost(port, { websocket: true, ...(name !== 'tls' && { timeouts }) }),
          toLocalhost(port, { hosts: ['127.0.0.1'], tls: 'tunnel', ...inTunnel }),
        ]),
        ...[ports.silent, ports.mute, ports.http2].map((port) => toLocalhost(port, { tls: 'intercept', timeouts })),
        ...(name === 'tls' ? [] : [toLocalhost(ports.mute, { timeouts })]),
      ],
      // The same in sallyport.yaml holds whatever is granted.
      services: ['plain', 'silent', 'mute'].flatMap((service) => [
        { name: service, websocket: true, timeouts },
        { name: `${service}-anyway`, websocket: true },
      ]),
    }),
  )
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}
services:
${services}
`,
  )
  const { proxyPort } = await startHere(t, installation)
  const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
  const closing = `${auth}Connection: close\r\n`
  const chunks = `${(0x8000).toString(16)}\r\n${'a'.repeat(0x8000)}\r\n`.repeat(8)
  const upgrade = `${auth}${upgradeHeaders}\r\n`
  const overHttp2 = async (port: number, head: OutgoingHttpHeaders) => {
    const session = await openSession(t, installation, { proxyPort, port })
    return ask(session, head).then(
      ({ headers }) => `HTTP/1.1 ${headers[':status']} sallyport-problem: ${headers['sallyport-problem']}`,
      () => 'reset',
    )
  }
  const plainly = (method: string, port: number, path: string, rest = '\r\n') =>
    exchangeRaw(proxyPort, `${method} http://localhost:${port}${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${closing}${rest}`)
  /** What came back is about the code, where it came before a head; the record is in any case. */
  async function ends(problem: string, status: number, send: () => Promise<string>): Promise<void> {
    const before = installation.records().length
    const answer = await send()
    const settled = await eventually(`${problem} is recorded`, () =>
      installation
        .records()
        .slice(before)
        .find((record) => record['type'] === 'settled' && record['problem'] === problem),
    )
    assert.equal(settled['status'], status)
    assert.equal(answer.includes(`${problem}`), status === 504, answer.slice(0, 300))
  }
  return {
    ports,
    ends,
    requests: {
      absolute: (path: string, port = ports.plain) => plainly('GET', port, path),
      /** A question about the server as a whole. */
      serverWide: (_path: string, port = ports.mute) => plainly('OPTIONS', port, ''),
      upload: (path: string, port = ports.plain) => plainly('POST', port, path, `Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`),
      service: (path: string, service = 'plain') =>
        exchangeRaw(proxyPort, `GET /services/${service}${path} HTTP/1.1\r\nHost: gateway\r\n${closing}\r\n`),
      webSocket: (path: string, service = 'plain') =>
        exchangeRaw(proxyPort, `GET /services/${service}${path} HTTP/1.1\r\nHost: gateway\r\n${upgrade}`),
      proxiedSocket: (path: string, port = ports.plain) =>
        exchangeRaw(proxyPort, `GET http://localhost:${port}${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${upgrade}`),
      tunnel: (path: string, port = ports.plain) =>
        exchangeRaw(proxyPort, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n${auth}\r\nGET ${path} HTTP/1.1\r\n\r\n`),
      inside: (path: string, port: number) =>
        exchangeInside(installation, { proxyPort, port }, `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`),
      http2: (path: string, port = ports.http2) => overHttp2(port, { ':path': path }),
    },
  }
}

/** A service through both doors, bounded by its capability and by its entry in sallyport.yaml. */
const services = (name: string) =>
  (['service', 'webSocket'] as const).flatMap((door) => [[door, name] as const, [door, `${name}-anyway`] as const])

test('connect: where no connection is made', async (t) => {
  const { ends, requests, ports } = await arrange(t, 'connect')
  await eachCase(['absolute', 'upload', 'serverWide', 'tunnel', 'inside', 'proxiedSocket', 'http2'] as const, (door) =>
    ends('origin-connect-timeout', 504, () => requests[door]('/', ports.silent)),
  )
  await eachCase(services('silent'), ([door, service]) => ends('origin-connect-timeout', 504, () => requests[door]('/', service)))
})

test('tls: where a destination accepts the connection and says nothing', async (t) => {
  const { ends, requests, ports } = await arrange(t, 'tls')
  await eachCase(['inside', 'http2'] as const, (door) => ends('origin-tls-timeout', 504, () => requests[door]('/', ports.mute)))
  await eachCase(services('mute'), ([door, service]) => ends('origin-tls-timeout', 504, () => requests[door]('/', service)))
})

test('firstByte: where a destination has the request and does not answer', async (t) => {
  const { ends, requests } = await arrange(t, 'firstByte')
  await eachCase(['absolute', 'upload', 'serverWide', 'service', 'webSocket', 'proxiedSocket', 'http2'] as const, (door) =>
    ends('origin-first-byte-timeout', 504, () => requests[door]('/never')),
  )
  await eachCase(services('plain'), ([door, service]) => ends('origin-first-byte-timeout', 504, () => requests[door]('/never', service)))
})

test('idle: where a reply, a tunnel or a WebSocket comes to a stop', async (t) => {
  const { ends, requests } = await arrange(t, 'idle')
  await eachCase(['absolute', 'upload', 'tunnel', 'http2'] as const, (door) =>
    ends('origin-idle-timeout', 200, () => requests[door]('/stalls')),
  )
  await eachCase(services('plain'), ([door, service]) =>
    ends('origin-idle-timeout', door === 'service' ? 200 : 101, () => requests[door]('/stalls', service)),
  )
  await ends('origin-idle-timeout', 101, () => requests.proxiedSocket('/stalls'))
})

test('total: before there is an answer, and while one is still coming', async (t) => {
  const { ends, requests } = await arrange(t, 'total')
  await eachCase(['absolute', 'upload', 'serverWide', 'service', 'webSocket', 'proxiedSocket', 'http2'] as const, (door) =>
    ends('total-timeout', 504, () => requests[door]('/never')),
  )
  await eachCase(['absolute', 'upload', 'tunnel', 'http2'] as const, (door) => ends('total-timeout', 200, () => requests[door]('/drips')))
  await eachCase(services('plain'), ([door, service]) =>
    ends('total-timeout', door === 'service' ? 200 : 101, () => requests[door]('/drips', service)),
  )
  await ends('total-timeout', 101, () => requests.proxiedSocket('/drips'))
})
