/** Replies that break HTTP, or never end: through every door the caller gets one bounded answer, the origin's connection is not used again, and there is one record. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, startHere } from '../support/installation.ts'
import { createServer as createTcpServer } from '../support/sockets.ts'
import { exchangeInside } from '../support/tunnel.ts'

/** Writes as long as the other side takes it, and lets that have its turns: it is in the same process. */
function endless(socket: Socket, text: string): void {
  const more = () => {
    if (socket.destroyed) return
    if (socket.write(text)) setImmediate(more)
    else socket.once('drain', () => setImmediate(more))
  }
  more()
}

/** Nothing, a 502, or a reply without its end. */
const brokenOff = /^(?:$|HTTP\/1\.1 (?:502 |200 (?!.*\r\n0\r\n\r\n)))/s
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

/** What must never be taken for a reply of its own. */
const hidden = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong'

interface Misbehaviour {
  /** Default GET; a POST says that ten bytes follow, and sends five. */
  readonly method?: 'HEAD' | 'POST'
  readonly reply: (socket: Socket) => void
  /** Of the whole answer. */
  readonly expected: RegExp
  /** The origin's connection is of no more use. */
  readonly isClosed: boolean
}

const misbehaviours: Readonly<Record<string, Misbehaviour>> = {
  'informational replies without an end': {
    reply: (socket) => endless(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)),
    expected: /^HTTP\/1\.1 502 .*informational/s,
    isClosed: true,
  },
  'a head without an end': {
    reply: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      endless(socket, `X: ${'a'.repeat(1000)}\r\n`.repeat(10))
    },
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a header line without an end': {
    reply: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX: ')
      endless(socket, 'a'.repeat(10_000))
    },
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'trailers without an end': {
    reply: (socket) => {
      socket.write(`${chunked}2\r\nok\r\n0\r\n`)
      endless(socket, `X: ${'a'.repeat(1000)}\r\n`.repeat(10))
    },
    expected: brokenOff,
    isClosed: true,
  },
  'a chunk extension without an end': {
    reply: (socket) => {
      socket.write(`${chunked}2;a=`)
      endless(socket, 'b'.repeat(10_000))
    },
    expected: brokenOff,
    isClosed: true,
  },
  'a chunk size that is no number': {
    reply: (socket) => void socket.write(`${chunked}2\r\nok\r\nxyz\r\nmore\r\n0\r\n\r\n`),
    expected: brokenOff,
    isClosed: true,
  },
  'a chunk size beyond all numbers': {
    reply: (socket) => void socket.write(`${chunked}fffffffffffffffff\r\nok`),
    expected: brokenOff,
    isClosed: true,
  },
  'a negative chunk size': {
    reply: (socket) => void socket.write(`${chunked}-2\r\nok\r\n0\r\n\r\n`),
    expected: brokenOff,
    isClosed: true,
  },
  'more in a chunk than its size': {
    reply: (socket) => void socket.write(`${chunked}2\r\nokmore\r\n0\r\n\r\n`),
    expected: brokenOff,
    isClosed: true,
  },
  'fewer bytes than its length, and an end': {
    reply: (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok'),
    expected: brokenOff,
    isClosed: true,
  },
  'more bytes than its length': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong'),
    expected: /^HTTP\/1\.1 200 .*\r\n\r\nok$/s,
    isClosed: true,
  },
  'a negative length': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a length with a sign': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a coding that it did not name last': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
    expected: /^HTTP\/1\.1 (?:502|504|200) (?!.*wrong)/s,
    isClosed: true,
  },
  'no head at all (HTTP/0.9)': { reply: (socket) => void socket.end('ok'), expected: /^HTTP\/1\.1 502 /, isClosed: true },
  'a head of HTTP/1.0': {
    reply: (socket) => void socket.end('HTTP/1.0 200 OK\r\n\r\nok'),
    expected: /^HTTP\/1\.1 200 .*ok/s,
    isClosed: true,
  },
  'a head of HTTP/2': {
    reply: (socket) => void socket.write('HTTP/2 200\r\nContent-Length: 2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a line break within a header name': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nX\n: a\r\nContent-Length: 2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a folded header': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nX: a\r\n Set-Cookie: b\r\nContent-Length: 2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 (?:502 |200 (?!.*\r\nset-cookie: ).*ok$)/is,
    isClosed: false,
  },
  'a 204 with a body': {
    reply: (socket) => void socket.write(`HTTP/1.1 204 No Content\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    expected: /^HTTP\/1\.1 204 (?!.*(?:wrong|content-length))/is,
    isClosed: true,
  },
  'a 304 with a body': {
    reply: (socket) => void socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    expected: /^HTTP\/1\.1 304 (?!.*wrong)/s,
    isClosed: true,
  },
  'a body to a HEAD': {
    method: 'HEAD',
    reply: (socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`),
    expected: /^HTTP\/1\.1 200 (?!.*wrong)/s,
    isClosed: true,
  },
  'chunks without an end to a HEAD': {
    method: 'HEAD',
    reply: (socket) => endless(socket, `${chunked}5\r\nwrong\r\n`),
    expected: /^HTTP\/1\.1 200 (?!.*wrong)/s,
    isClosed: true,
  },
  'a whole reply before the end of the request': {
    method: 'POST',
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 200 .*ok$/s,
    isClosed: true,
  },
  'both a length and chunks': {
    reply: (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${hidden}`),
    expected: /^HTTP\/1\.1 (?:502 |200 (?!.*(?:wrong|content-length)))/is,
    isClosed: true,
  },
  'two lengths': {
    reply: (socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok${hidden}`),
    expected: /^HTTP\/1\.1 502 /,
    isClosed: true,
  },
  'a switch of protocols that was not asked for': {
    reply: (socket) => void socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n${hidden}`),
    expected: /^HTTP\/1\.1 502 (?!.*wrong)/s,
    isClosed: true,
  },
  'headers that are for its neighbour only': {
    reply: (socket) =>
      void socket.write(
        'HTTP/1.1 200 OK\r\nConnection: close, X-Hop, Content-Length\r\nX-Hop: a\r\nKeep-Alive: a\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok',
      ),
    expected: /^HTTP\/1\.1 200 (?!.*(?:x-hop|keep-alive|proxy-authenticate)).*ok/is,
    isClosed: true,
  },
  'a reply before it was asked, on a new connection': {
    reply: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    expected: /^HTTP\/1\.1 200 .*ok$/s,
    isClosed: false,
  },
}

/** Lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

let installation: Installation
let proxyPort: number
const ports = { plain: 0, secure: 0 }
const open = new Set<Socket>()

async function listen(server: ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  whole.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Answers as the path says: `/3` is the third misbehaviour, any other path is served. */
function serve(socket: Socket): void {
  open.add(socket)
  socket.on('close', () => open.delete(socket)).on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    const path = / \/(\w+) HTTP/.exec(bytes.toString('latin1'))?.[1]
    const misbehaviour = Object.values(misbehaviours)[Number(path)]
    if (misbehaviour === undefined) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright')
    else misbehaviour.reply(socket)
  })
}

before(async () => {
  installation = createInstallation(whole as never)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  ports.plain = await listen(createTcpServer(serve))
  ports.secure = await listen(createTlsServer({ key: certificate.key, cert: certificate.certificate }, serve) as never)
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt, originTimeout: 2s, idleTimeout: 1s }\nservices: [{ name: s, url: "http://localhost:${ports.plain}" }]\n`,
  )
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [toLocalhost(ports.plain), toLocalhost(ports.secure, { tls: 'intercept' })],
      services: [{ name: 's' }],
      breaker: { minimumRequests: 100_000 },
    }),
  )
  proxyPort = (await startHere(whole as never, installation)).proxyPort
})

after(async () => {
  for (const socket of open) socket.destroy()
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

/** From its last header on. */
const restOf = (method: Misbehaviour['method']) => `Connection: close\r\n${method === 'POST' ? 'Content-Length: 10\r\n\r\nhello' : '\r\n'}`
const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const doors: Readonly<Record<string, (path: string, method?: Misbehaviour['method']) => Promise<string>>> = {
  proxy: (path, method) =>
    exchangeRaw(proxyPort, `${method ?? 'GET'} http://localhost:${ports.plain}${path} HTTP/1.1\r\nHost: x\r\n${auth}${restOf(method)}`),
  'a service': (path, method) =>
    exchangeRaw(proxyPort, `${method ?? 'GET'} /services/s${path} HTTP/1.1\r\nHost: x\r\n${auth}${restOf(method)}`),
  interception: (path, method) =>
    exchangeInside(
      installation,
      { proxyPort, port: ports.secure },
      `${method ?? 'GET'} ${path} HTTP/1.1\r\nHost: localhost:${ports.secure}\r\n${restOf(method)}`,
    ),
}

for (const [index, [what, { method, expected, isClosed }]] of Object.entries(misbehaviours).entries())
  test(`an origin that sends ${what} gets its caller one answer, and the next caller its own reply`, async () => {
    let asked = 0
    await eachCase(Object.entries(doors), async ([, ask]) => {
      const before = open.size
      const answer = await ask(`/${index}`, method)
      asked += 1
      assert.match(answer, expected)
      await eventually('it is settled, once', () => settledOf(`/${index}`) === asked)
      await eventually('the connection is closed', () => !isClosed || open.size <= before)
      assert.match(await ask('/next'), /^HTTP\/1\.1 200 .*\r\n\r\nright$/s)
    })
  })

function settledOf(path: string): number {
  const records = installation.records()
  const ids = records.filter(({ subject }) => (subject as { path?: string } | undefined)?.path === path).map(({ id }) => id)
  return records.filter(({ type, id }) => type === 'settled' && ids.includes(id)).length
}
