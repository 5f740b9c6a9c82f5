/** What Node's parser takes for a request and the record could not tell: each has its right answer, through every door. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startRawOrigin } from '../support/raw-origin.ts'
import { connect } from '../support/sockets.ts'
import { exchangeInside, openTunnel, readAll } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const refused = /^HTTP\/1\.1 505 .*version-unsupported.*\r\n\r\n\{.*HTTP\/1\.1 and HTTP\/1\.0/s

async function arrange(t: TestContext) {
  const origin = await startRawOrigin(t)
  const installation = createInstallation(t, {
    config: `http: { http2: false }\nservices: [{ name: named, url: "http://localhost:${origin.port}" }]`,
    manifests: {
      'weather.yaml': grant({
        services: [{ name: 'named' }],
        network: [toLocalhost(origin.port), { hosts: ['inside.test'], ports: [443], tls: 'intercept' }],
      }),
    },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  return { origin, installation, proxyPort, gateway, authority: `localhost:${origin.port}` }
}

test('RTSP and ICE are refused in each request line, through every door, and recorded', async (t) => {
  const { origin, installation, proxyPort, gateway, authority } = await arrange(t)
  const inside = { proxyPort, host: 'inside.test', port: 443, servername: 'inside.test' }
  const exchanges: Readonly<Record<string, (line: string) => Promise<string>>> = {
    proxy: (line) => exchangeRaw(proxyPort, line.replace('@', `http://${authority}/`)),
    services: (line) => exchangeRaw(proxyPort, line.replace('@', '/services/named/')),
    broker: (line) => exchangeRaw(proxyPort, line.replace('@', '/v1/self')),
    intercept: (line) => exchangeInside(installation, inside, line.replace('@', '/')),
    async 'intercept, without TLS'(line) {
      const socket = await openTunnel(proxyPort, 'inside.test:443')
      socket.write(line.replace('@', '/'))
      return readAll(socket)
    },
  }
  await eachCase(Object.entries(exchanges), ([door, exchange]) =>
    eachCase(['GET @ RTSP/1.0', 'POST @ RTSP/1.1', 'DESCRIBE @ RTSP/1.0', 'SOURCE @ ICE/1.0'], async (line) => {
      const records = () => installation.records().filter(({ type, door: of }) => type === 'refused' && of === door.split(',')[0])
      const before = records().length
      assert.match(await exchange(`${line}\r\nHost: ${authority}\r\n${auth}\r\n`), refused, `${door}: ${line}`)
      // What cannot be parsed belongs to the listener's own door.
      if (door.startsWith('intercept')) await eventually(`${door}: ${line} is recorded`, () => records().length === before + 1)
    }),
  )
  const codes = installation.records().flatMap(({ type, code }) => (type === 'refused' ? [code] : []))
  assert.deepEqual([codes.length, new Set(codes)], [20, new Set(['version-unsupported'])])
  assert.equal(origin.requests.length, 0)
  const { host, port } = gateway.health as { host: string; port: number }
  assert.match(await exchangeRaw(port, `GET /healthz RTSP/1.0\r\n\r\n`, host), /^HTTP\/1\.1 505 .*HTTP\/1\.1 and HTTP\/1\.0/s)
  await eachCase(['HTTP/0.9', 'HTTP/2.0'], async (version) =>
    assert.match(await exchangeRaw(port, `GET /healthz ${version}\r\n\r\n`, host), /^HTTP\/1\.1 505 .*HTTP\/1\.1 and HTTP\/1\.0/s),
  )
  const api = connect(join(installation.folder, 'state/admin.sock'))
  api.write('GET /v1/status RTSP/1.0\r\n\r\n')
  assert.match(await readAll(api), /^HTTP\/1\.1 505 /)
})

test('a request of another protocol behind others is refused once theirs are answered, and says nothing of bodies and headers that only speak of it', async (t) => {
  const { origin, proxyPort, authority } = await arrange(t)
  const head = `Host: ${authority}\r\n${auth}`
  const body = 'OPTIONS rtsp://a/ RTSP/1.0\r\nGET / RTSP/1.0'
  const before = `POST http://${authority}/first HTTP/1.1\r\n${head}X-Was: RTSP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const answer = await exchangeRaw(proxyPort, `${before}GET http://${authority}/second RTSP/1.0\r\n${head}\r\n`)
  assert.match(answer, /^HTTP\/1\.1 200 .*HTTP\/1\.1 505 /s)
  assert.deepEqual(
    origin.requests.map(({ line, body: received }) => [line, String(received)]),
    [['POST /first HTTP/1.1', body]],
  )
})

test('what stands behind a CONNECT is the tunnel’s, whatever it speaks', async (t) => {
  const origin = await startRawOrigin(t, (_request, socket) => void socket.end('RTSP/1.0 200 OK\r\n\r\n'))
  const authority = `localhost:${origin.port}`
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({ network: [toLocalhost(origin.port, { tls: 'tunnel' })] }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const spoken = 'DESCRIBE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n'
  const answer = await exchangeRaw(proxyPort, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n${spoken}`)
  assert.match(answer, /^HTTP\/1\.1 200 Connection Established\r\n.*RTSP\/1\.0 200 OK\r\n/s)
  assert.equal(origin.requests[0]?.line, 'DESCRIBE rtsp://a/ RTSP/1.0')
})

test('what Node’s parser lets pass in a head or a body is refused, or goes on in the one form that was judged', async (t) => {
  const { origin, installation, proxyPort, authority } = await arrange(t)
  const head = `Host: ${authority}\r\n${auth}Connection: close\r\n`
  const target = `http://${authority}`
  const chunked = `POST ${target}/ HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`
  const plain = `GET ${target}/ HTTP/1.1\r\n${head}`
  await eachCase(
    [
      // Without headers nothing proves who asks.
      ['HTTP/0.9', `GET ${target}/\r\n\r\n`, '407'],
      ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505'],
      ['PRI as a method', `PRI * HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a method of RTSP', `DESCRIBE ${target}/ HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a method in lower case', `get ${target}/ HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a method that Node does not know', `BREW ${target}/ HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a space in front', ` GET ${target}/ HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a tab for a space', `GET\t${target}/ HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a space behind the version', `GET ${target}/ HTTP/1.1 \r\n${head}\r\n`, '400'],
      ['a bare LF behind the request line', `GET ${target}/ HTTP/1.1\n${head}\r\n`, '400'],
      ['a bare LF behind a header', `${plain}X: a\n\r\n`, '400'],
      ['a bare CR behind a header', `${plain}X: a\rY: b\r\n\r\n`, '400'],
      ['a folded header', `${plain}X: a\r\n b\r\n\r\n`, '400'],
      ['a fold in front of the first header', `GET ${target}/ HTTP/1.1\r\n X: a\r\n${head}\r\n`, '400'],
      ['a space in front of a colon', `${plain}X : a\r\n\r\n`, '400'],
      ['a header without a name', `${plain}: a\r\n\r\n`, '400'],
      ['a fragment', `GET ${target}/#a HTTP/1.1\r\n${head}\r\n`, '400'],
      ['a length with a sign', `POST ${target}/ HTTP/1.1\r\n${head}Content-Length: +5\r\n\r\nhello`, '400'],
      ['a list of lengths', `POST ${target}/ HTTP/1.1\r\n${head}Content-Length: 5, 5\r\n\r\nhello`, '400'],
      ['a chunk’s size with a space', `${chunked}5 \r\nhello\r\n0\r\n\r\n`, '400'],
      ['a chunk’s size in C’s form', `${chunked}0x5\r\nhello\r\n0\r\n\r\n`, '400'],
      ['a chunk whose lines end in LF', `${chunked}5\nhello\n0\n\n`, '400'],
      ['a chunk extension that ends in LF', `${chunked}5;a\nhello\r\n0\r\n\r\n`, '400'],
      ['a chunk without its end', `${chunked}5\r\nhelloXX0\r\n\r\n`, '400'],
      ['a length in a trailer', `${chunked}5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n`, '400'],
      // RFC 9112 §2.2, §3: these have one reading.
      ['empty lines in front', `\r\n\r\n${plain}\r\n`, '200', ['GET / HTTP/1.1', '']],
      ['two spaces', `GET  ${target}/  HTTP/1.1\r\n${head}\r\n`, '200', ['GET / HTTP/1.1', '']],
      ['a method that is HTTP’s by registration alone', `SOURCE ${target}/ HTTP/1.1\r\n${head}\r\n`, '200', ['SOURCE / HTTP/1.1', '']],
      // RFC 9112 §7.1.1, §7.1.2: an extension ends here, and a trailer goes on behind the last chunk.
      ['chunk extensions', `${chunked}5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n`, '200', ['POST / HTTP/1.1', 'hello']],
      ['a chunk’s size with zeros', `${chunked}0005\r\nhello\r\n0\r\n\r\n`, '200', ['POST / HTTP/1.1', 'hello']],
      [
        'a trailer',
        `${chunked}5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n`,
        '200',
        ['POST / HTTP/1.1', '5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n'],
      ],
    ] as const,
    async ([what, bytes, status, received]) => {
      const before = [installation.records().length, origin.requests.length]
      const answer = await exchangeRaw(proxyPort, bytes)
      assert.equal(answer.slice(9, 12), status, `${what}: ${answer}`)
      const [request] = origin.requests.slice(before[1])
      assert.ok(received !== undefined || bytes.startsWith('POST') || request === undefined, what)
      assert.deepEqual([request?.line, String(request?.body)], received ?? [request?.line, String(request?.body)], what)
      assert.ok(received === undefined || !/ext|trailer|;/i.test(String(request?.headers)), what)
      // What breaks a body off is told besides its request.
      const idsOf = (...types: readonly unknown[]) =>
        installation
          .records()
          .slice(before[0])
          .flatMap(({ type, id }) => (types.includes(type) ? [String(id)] : []))
          .toSorted()
      await eventually(
        `${what} is settled`,
        () => idsOf('settled').length > 0 && idsOf('settled').length === idsOf('decided', 'refused').length,
      )
      assert.deepEqual(idsOf('settled'), idsOf('decided', 'refused'), what)
    },
  )
})
