/** Forms that clients cannot avoid, and that have one reading: they pass, and what was judged is what arrives. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createOriginCertificate } from '../support/certificates.ts'
import { createInstallation, exchangeRaw, type Installation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { type Origin, startOrigin } from '../support/origin.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const statusOf = (answer: string) => Number(answer.slice(9, 12))

let installation: Installation
let plain: Origin
let secure: Origin
let proxyPort: number

/** What lives as long as this file. */
const whole = { cleanups: [] as (() => unknown)[], after: (cleanup: () => unknown) => void whole.cleanups.push(cleanup) }

before(async () => {
  const t = whole as never
  installation = createInstallation(t)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  plain = await startOrigin(t)
  secure = await startOrigin(t, { certificate })
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\nservices: [{ name: s, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  const to = (host: string, port: number, tls: string) =>
    `{ hosts: ["${host}"], ports: [${port}], tls: ${tls}, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }`
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network: [${to('localhost', plain.port, 'none')}, ${to('localhost', secure.port, 'intercept')}]\nservices: [{ name: s, paths: [/v1/**] }]`,
    ),
  )
  proxyPort = (await startHere(t, installation)).proxyPort
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
  test(`a Host that ${what} is ignored beside an absolute target, and written anew (RFC 9112 §3.2.2)`, async () => {
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
    for (const other of [`127.0.0.1:${proxyPort}`, 'localhost', 'other.example:1'])
      assert.match(await connect(other), /^HTTP\/1\.1 200 .*HTTP\/1\.1 400 /s, other)
  })
}

test('what Host names beside an absolute target decides nothing: a denied target stays denied', async () => {
  const allowed = `localhost:${plain.port}`
  const ask = (line: string) => exchangeRaw(proxyPort, `${line} HTTP/1.1\r\nHost: ${allowed}\r\n${auth}Connection: close\r\n\r\n`)
  assert.equal(statusOf(await ask(`GET http://other.example:${plain.port}/v1/a`)), 403)
  assert.equal(statusOf(await ask('CONNECT other.example:443')), 403)
})

test('a scheme in upper case is that scheme (RFC 3986 §3.1)', async () => {
  for (const scheme of ['HTTP', 'Http']) {
    const authority = `localhost:${plain.port}`
    const answer = await exchangeRaw(
      proxyPort,
      `GET ${scheme}://${authority}/v1/a HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`,
    )
    assert.equal(statusOf(answer), 200, answer)
  }
})
