/** Forms that clients cannot avoid, and that have one reading: they pass, and what was judged is what arrives. */

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { exchangeRaw, type Installation, proxyHeader } from '../support/installation.ts'
import type { Origin } from '../support/origin.ts'
import { startThreeDoors } from '../support/three-doors.ts'
import { exchangeInside } from '../support/tunnel.ts'
import { opened, upgradeHeaders } from '../support/websocket.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const statusOf = (answer: string) => Number(answer.slice(9, 12))

/** Of a second capability, everywhere. */
const literalPaths = {
  paths: ['/@types%2F*', '/open/**', '/keys//*', '/one/*', '/deep/**/end', '/pair/*%2F*', '/exact%2Fone', '/exact//two'],
  encodedSlash: 'literal' as const,
  emptySegments: 'literal' as const,
}

let installation: Installation
let plain: Origin
let secure: Origin
let proxyPort: number

/** What lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

before(async () => {
  ;({ installation, plain, secure, proxyPort } = await startThreeDoors(whole as never, [{ paths: ['/v1/**', '*'] }, literalPaths], {
    websocket: true,
  }))
})

after(async () => {
  for (const cleanup of whole.cleanups.reverse()) await cleanup()
})

const hosts = {
  'names the proxy': () => `127.0.0.1:${proxyPort}`,
  'leaves the port out': () => 'localhost',
  'names another origin': () => 'other.example:1',
  'is an address of version 6 without brackets': () => '::1:8080',
  'is in upper case': () => `LOCALHOST:${plain.port}`,
}
for (const [what, host] of Object.entries(hosts)) {
  test(`a Host that ${what} is ignored beside an absolute target, and written again (RFC 9112 §3.2.2)`, async () => {
    plain.requests.length = 0
    const answer = await exchangeRaw(
      proxyPort,
      `GET http://localhost:${plain.port}/v1/a HTTP/1.1\r\nHost: ${host()}\r\n${auth}Connection: close\r\n\r\n`,
    )
    assert.equal(statusOf(answer), 200, answer)
    const { rawHeaders = [] } = plain.requests[0] ?? {}
    const hostsSent = rawHeaders.filter((_, index) => rawHeaders[index - 1]?.toLowerCase() === 'host' && index % 2 === 1)
    assert.deepEqual(hostsSent, [`localhost:${plain.port}`])
  })

  test(`a Host that ${what} is ignored beside a CONNECT’s target, but not inside the tunnel`, async () => {
    const connect = (inside: string) =>
      exchangeRaw(
        proxyPort,
        `CONNECT localhost:${plain.port} HTTP/1.1\r\nHost: ${host()}\r\n${auth}\r\nGET /v1/a HTTP/1.1\r\nHost: ${inside}\r\nConnection: close\r\n\r\n`,
      )
    assert.match(await connect(`localhost:${plain.port}`), /^HTTP\/1\.1 200 .*hello/s)
    await eachCase([`127.0.0.1:${proxyPort}`, 'localhost', 'other.example:1'], async (other) =>
      assert.match(await connect(other), /^HTTP\/1\.1 200 .*HTTP\/1\.1 400 /s, other),
    )
  })
}

test('what Host names beside an absolute target decides nothing: a denied target stays denied', async () => {
  const allowed = `localhost:${plain.port}`
  const ask = (line: string) => exchangeRaw(proxyPort, `${line} HTTP/1.1\r\nHost: ${allowed}\r\n${auth}Connection: close\r\n\r\n`)
  assert.equal(statusOf(await ask(`GET http://other.example:${plain.port}/v1/a`)), 403)
  const to = { proxyPort, host: 'other.example', port: 443, servername: 'other.example' }
  assert.equal(statusOf(await exchangeInside(installation, to, `GET /v1/a HTTP/1.1\r\nHost: ${allowed}\r\n\r\n`)), 403)
})

for (const scheme of ['HTTP', 'Http'])
  test(`a scheme in upper case is that scheme (RFC 3986 §3.1): ${scheme}`, async () => {
    const authority = `localhost:${plain.port}`
    const answer = await exchangeRaw(
      proxyPort,
      `GET ${scheme}://${authority}/v1/a HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`,
    )
    assert.equal(statusOf(answer), 200, answer)
  })

/** A path, what is answered, and what arrives at the origin. */
const paths: readonly (readonly [string, number, string?])[] = [
  ['/./v1/./Packages', 200, '/v1/Packages'],
  ['/v1/pool/.', 200, '/v1/pool/'],
  ['/@types%2fnode', 200, '/@types%2Fnode'],
  ['/@types%2Fnode?x=%2f', 200, '/@types%2Fnode?x=%2f'],
  ['/open/a%2Fb%2F', 200, '/open/a%2Fb%2F'],
  ['/open/https%3a%2f%2fexample.com%2fx', 200, '/open/https%3A%2F%2Fexample.com%2Fx'],
  ['/open//a///b', 200, '/open//a///b'],
  ['/open//', 200, '/open//'],
  ['/keys//a', 200, '/keys//a'],
  ['/./keys/.//a', 200, '/keys//a'],
  ['/open/%2F', 200, '/open/%2F'],
  ['/open/a%2F/b', 200, '/open/a%2F/b'],
  ['/open/a;v=1%2Fb;w', 200, '/open/a;v=1%2Fb;w'],
  // A pattern's `**` between others stands for them, and what is written stands for itself.
  ['/deep/a%2Fb//c/end', 200, '/deep/a%2Fb//c/end'],
  ['/deep/a%2Fend', 403],
  ['/pair/a%2fb', 200, '/pair/a%2Fb'],
  ['/pair/%2F', 200, '/pair/%2F'],
  ['/pair/a/b', 403],
  ['/pair/a%2Fb%2Fc', 403],
  ['/pair/a/%2Fb', 403],
  ['/exact%2fone', 200, '/exact%2Fone'],
  ['/exact/one', 403],
  ['/exact//two', 200, '/exact//two'],
  ['/exact/two', 403],
  ['/exact///two', 403],
  // What is encoded twice is decoded nowhere: it is a percent sign, here as at the origin, and no slash, dot or backslash.
  ['/v1/a%252Fb', 200, '/v1/a%252Fb'],
  ['/v1/a%252fb', 200, '/v1/a%252fb'],
  ['/v1/%252e%252e/b', 200, '/v1/%252e%252e/b'],
  ['/v1/a%255Cb', 200, '/v1/a%255Cb'],
  ['/open/a%252F%2fb', 200, '/open/a%252F%2Fb'],
  ['/@types%252Fnode', 403],
  ['/exact%252Fone', 403],
  // A parameter is a part of its segment.
  ['/v1/a;b/;/c', 200, '/v1/a;b/;/c'],
  ['/v1/a%3bb', 200, '/v1/a%3Bb'],
  ['/v1;x/a', 403],
  // No `*` stands for them.
  ['/one/a%2Fb', 403],
  ['/one//', 403],
  ['/one%2Fa', 403],
  ['/@types/node', 403],
  ['/@types%2Fa%2Fb', 403],
  ['/keys/a', 403],
  ['/keys///a', 403],
  // The capability whose path it is has not chosen them.
  ['/v1/a%2Fb', 403],
  ['/v1//a', 403],
  ['//v1/a', 403],
  ['/v1%2Fa', 403],
  ['/%2Fv1/a', 403],
  // What climbs has no reading, whatever is chosen.
  ['/open/..%2fv1', 400],
  ['/open/a%2f..%2fb', 400],
  ['/open/%2e%2e%2fa', 400],
  ['/open/a%2f%2e%2e', 400],
  ['/open/a%2f.', 400],
  ['/open//../a', 400],
  ['/open/..//a', 400],
  ['/open/a%2f..;x/b', 400],
  ['/open/a%5Cb', 400],
  ['/open/%c0%af', 400],
  ['/open/..%2f..%2fv1', 400],
  ['/open/%2f../a', 400],
  ['/open/a%2f..', 400],
  ['/open/.%2fa', 400],
  ['/open/a%2f;/../b', 400],
  ['/open/a;%2f..;%2fb', 400],
  ['/open/a%2f%2e%2e%3bx', 400],
  ['/open/a%5c..%5cb', 400],
  ['/open/a\\b', 400],
  ['/v1/%2E%2E/open', 400],
  ['/v1/.%2e/open', 400],
  ['/v1/..;a=b/open', 400],
  ['/open/a%2', 400],
  ['/open/a%2%46b', 400],
]
for (const [path, status, arrives] of paths) {
  test(`${path} is ${status} through every door${arrives === undefined ? '' : `, and arrives as ${arrives}`}`, async () => {
    const authority = `localhost:${plain.port}`
    const get = (target: string, host: string, more = auth) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`
    plain.requests.length = 0
    secure.requests.length = 0
    const answers = [
      await exchangeRaw(proxyPort, get(`http://${authority}${path}`, authority)),
      await exchangeRaw(proxyPort, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n${get(path, authority, '')}`),
      await exchangeInside(installation, { proxyPort, port: secure.port }, get(path, `localhost:${secure.port}`, '')),
      await exchangeRaw(proxyPort, get(`/services/s${path}`, 'gateway')),
    ]
    const statuses = answers.map((answer) => statusOf(answer.replace(/^HTTP\/1\.1 200 Connection Established\r\n.*?\r\n\r\n/s, '')))
    assert.deepEqual(statuses, Array(4).fill(status), answers.join('\n'))
    const arrived = [...plain.requests, ...secure.requests].map(({ url }) => url)
    assert.deepEqual(arrived, arrives === undefined ? [] : Array(4).fill(arrives))
  })
}

test('a WebSocket to a service has the verdict of a plain request on each of these paths, and arrives at the same place', async () => {
  const asked: string[] = []
  const accept = (req: IncomingMessage, socket: Duplex) => {
    asked.push(req.url ?? '')
    socket.end(opened())
  }
  plain.server.on('upgrade', accept)
  await eachCase(paths, async ([path, status, arrives]) => {
    asked.length = 0
    const answer = await exchangeRaw(proxyPort, `GET /services/s${path} HTTP/1.1\r\nHost: gateway\r\n${auth}${upgradeHeaders}\r\n`)
    assert.equal(statusOf(answer), status === 200 ? 101 : status, `${path}: ${answer}`)
    assert.deepEqual(asked, arrives === undefined ? [] : [arrives], path)
  })
  plain.server.off('upgrade', accept)
})

test('what the manifest lacks for such a path is said, and what to write', async () => {
  const ask = (path: string) =>
    exchangeRaw(proxyPort, `GET http://localhost:${plain.port}${path} HTTP/1.1\r\nHost: localhost\r\n${auth}Connection: close\r\n\r\n`)
  const answer = await ask('/v1/a%2Fb')
  assert.match(answer, /network\/0 does not say encodedSlash: literal, and the path has an encoded slash: \/v1\/a%2Fb/)
  assert.match(answer, /"paths":\["\/v1\/a%2Fb"\],"encodedSlash":"literal"/)
  assert.match(await ask('/v1//a'), /"paths":\["\/v1\/\/a"\],"emptySegments":"literal"/)
})

test('no header turns a POST into a DELETE, or the caller into another', async () => {
  const claims = [
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'x_http_method_override',
    'X-Original-Path',
    'True-Client-IP',
    'Proxy',
  ]
  const more = claims.map((name) => `${name}: DELETE\r\n`).join('')
  const post = (target: string, host: string, rest: string) =>
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${rest}${more}Content-Length: 0\r\nX-Kept: yes\r\nConnection: close\r\n\r\n`
  plain.requests.length = 0
  secure.requests.length = 0
  const authority = `localhost:${plain.port}`
  const answers = [
    await exchangeRaw(proxyPort, post(`http://${authority}/v1/a`, authority, auth)),
    await exchangeInside(installation, { proxyPort, port: secure.port }, post('/v1/a', `localhost:${secure.port}`, '')),
    await exchangeRaw(proxyPort, post('/services/s/v1/a', 'gateway', auth)),
  ]
  assert.deepEqual(answers.map(statusOf), [200, 200, 200])
  eachCase([...plain.requests, ...secure.requests], ({ method, rawHeaders }) => {
    assert.equal(method, 'POST')
    assert.ok(!rawHeaders.includes('DELETE'), rawHeaders.join())
    assert.ok(rawHeaders.some((rawHeader) => rawHeader.toLowerCase() === 'x-kept'))
  })
})

test('records of a request hold no secret of its query or path, however its name is spelled', async () => {
  const secret = 'S3CRETVALUE'
  const targets = [
    `/v1/a?a[password]=${secret}`,
    `/v1/a?user%5Bpassword%5D=${secret}&db_password=${secret}`,
    `/v1/a?access-key=${secret}&accessKey=${secret}`,
    `/v1/a?a=1;password=${secret}`,
    `/v1/a?next=https%3A%2F%2Fb.example%2F%3Ftoken%3D${secret}%26x%3D1`,
    `/v1/a;password=${secret}`,
    `/open/https%3A%2F%2Fb.example%2F%3Ftoken%3D${secret}`,
  ]
  await eachCase(targets, async (target) => {
    const answer = await exchangeRaw(
      proxyPort,
      `GET http://localhost:${plain.port}${target} HTTP/1.1\r\nHost: localhost\r\n${auth}Connection: close\r\n\r\n`,
    )
    assert.equal(statusOf(answer), 200, target)
  })
  assert.ok(plain.requests.some(({ url }) => url.includes(secret)))
  assert.ok(!JSON.stringify(installation.records()).includes(secret))
})

test('OPTIONS of a URL without a path asks about the server as a whole (RFC 9112 §3.2.4)', async () => {
  const authority = `localhost:${plain.port}`
  const options = (target: string, more = `${auth}X-Kept: yes\r\n`, host = authority) =>
    `OPTIONS ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`
  plain.requests.length = 0
  secure.requests.length = 0
  assert.equal(statusOf(await exchangeRaw(proxyPort, options(`http://${authority}`))), 200)
  assert.equal(statusOf(await exchangeRaw(proxyPort, options(`HTTP://${authority}`))), 200)
  assert.equal(
    statusOf(await exchangeInside(installation, { proxyPort, port: secure.port }, options('*', '', `localhost:${secure.port}`))),
    200,
  )
  assert.deepEqual(
    [...plain.requests, ...secure.requests].map(({ url }) => url),
    ['*', '*', '*'],
  )
  // With a path it is that path; other methods without one mean "/"; both are not granted here.
  assert.equal(statusOf(await exchangeRaw(proxyPort, options(`http://${authority}/`))), 403)
  assert.equal(statusOf(await exchangeRaw(proxyPort, options(`http://${authority}?a`))), 403)
  assert.equal(statusOf(await exchangeRaw(proxyPort, options(`http://${authority}`).replace('OPTIONS', 'GET'))), 403)
})

test('an OPTIONS or TRACE that may go no further is answered here, one that may goes one hop less (RFC 9110 §7.6.2)', async () => {
  const ask = (method: string, hops: string, target = `http://localhost:${plain.port}/v1/a`) =>
    exchangeRaw(
      proxyPort,
      `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${auth}Max-Forwards: ${hops}\r\nCookie: a=secret-cookie\r\nConnection: close\r\n\r\n`,
    )
  plain.requests.length = 0
  assert.match(await ask('OPTIONS', '0'), /^HTTP\/1\.1 200 .*content-length: 0/is)
  assert.match(await ask('TRACE', '0'), /^HTTP\/1\.1 200 .*message\/http.*\r\n\r\nTRACE \/v1\/a HTTP\/1\.1\r\n/is)
  assert.ok(!(await ask('TRACE', '0')).includes('secret-cookie'))
  assert.match(await ask('OPTIONS', '0', '/services/s/v1/a'), /^HTTP\/1\.1 200 /)
  assert.equal(plain.requests.length, 0)
  // What is denied is denied.
  assert.equal(statusOf(await ask('OPTIONS', '0', `http://localhost:${plain.port}/admin`)), 403)
  await eachCase(['many', '-1', '+1', '1.0', '0x1', '', '0, 1'], async (odd) => assert.equal(statusOf(await ask('OPTIONS', odd)), 400, odd))

  await eachCase([`http://localhost:${plain.port}/v1/a`, '/services/s/v1/a'], async (target) => {
    await ask('OPTIONS', '7', target)
    await ask('GET', '0', target)
    await ask('TRACE', '99999999999999999999', target)
  })
  const left = plain.requests.map(
    ({ rawHeaders }) => rawHeaders[rawHeaders.findIndex((rawHeader) => rawHeader.toLowerCase() === 'max-forwards') + 1],
  )
  assert.deepEqual(left, ['6', '0', '2147483646', '6', '0', '2147483646'])
})
