/** What a head asks of the gateway and does not get: it is told with the problem's own name, and recorded as what it was. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, manifest, networkTo, portOf, proxyHeader, startHere } from '../support/installation.ts'
import { startRawOrigin } from '../support/raw-origin.ts'
import { openInside, openTunnel } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const webSocket =
  'Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

test('every refusal has its own code for its reason phrase and in Proxy-Status, and what is not understood is not served', async (t) => {
  const origin = await startRawOrigin(t, ({ line }, socket) => {
    socket.end(
      line.includes('/coded')
        ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
        : 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    )
  })
  const authority = `localhost:${origin.port}`
  const installation = createInstallation(t, {
    config: `services: [{ name: plain, url: "http://${authority}" }]`,
    manifests: {
      'weather.yaml': manifest(
        'weather',
        `denials: connect
services: [{ name: plain }]
${networkTo(origin.port).replace(/]$/, '')}, { hosts: [tunnel.example, inside.example], ports: [443], tls: tunnel }, { hosts: [127.0.0.1], ports: [9], tls: tunnel }, { hosts: [inside.test], ports: [443], tls: intercept }]`,
      ),
      'poor.yaml': grant({ name: 'poor', network: [toLocalhost(origin.port)], limits: { requests: { rate: '1/h', burst: 1 } } }),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const target = `http://${authority}`
  const end = `Host: ${authority}\r\n${auth}Connection: close\r\n\r\n`
  const poor = `Host: ${authority}\r\nProxy-Authorization: ${proxyHeader('poor')}\r\nConnection: close\r\n\r\n`
  assert.match(await exchangeRaw(proxyPort, `GET ${target}/ HTTP/1.1\r\n${poor}`), /^HTTP\/1\.1 200 /)
  await eachCase(
    [
      ['a tunnel that nothing allows', `CONNECT elsewhere.example:443 HTTP/1.1\r\n${auth}\r\n`, '403 policy-denied'],
      ['a tunnel to an address that may not be dialled', `CONNECT 127.0.0.1:9 HTTP/1.1\r\n${auth}\r\n`, '403 address-denied'],
      ['an empty bucket', `GET ${target}/ HTTP/1.1\r\n${poor}`, '429 quota-exceeded'],
      ['nobody', `CONNECT elsewhere.example:443 HTTP/1.1\r\n\r\n`, '407 unidentified'],
      ['what is no HTTP', 'nonsense\r\n\r\n', '400 malformed-request'],
      ['HTTP/2.0 in a request line', `GET ${target}/ HTTP/2.0\r\n${end}`, '505 version-unsupported'],
      ['HTTP/2.0 in a CONNECT', `CONNECT tunnel.example:443 HTTP/2.0\r\n${auth}\r\n`, '505 version-unsupported'],
      ...['HTTP/1.2', 'HTTP/0.9', 'HTTP/3.0', 'HTTP/9.9'].flatMap((version) => [
        [version, `GET ${target}/ ${version}\r\n${end}`, '505 version-unsupported'] as const,
        [`${version} at a service`, `GET /services/plain/ ${version}\r\n${end}`, '505 version-unsupported'] as const,
        [`${version} in a CONNECT`, `CONNECT tunnel.example:443 ${version}\r\n${auth}\r\n`, '505 version-unsupported'] as const,
      ]),
      ['a version of two digits', `GET ${target}/ HTTP/1.10\r\n${end}`, '400 malformed-request'],
      ['a CONNECT with a body', `CONNECT tunnel.example:443 HTTP/1.1\r\n${auth}Content-Length: 3\r\n\r\nabc`, '400 malformed-request'],
      ['a transfer coding', `POST ${target}/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n${end}0\r\n\r\n`, '400 malformed-request'],
      ['a WebSocket that nothing allows', `GET ${target}/ HTTP/1.1\r\n${webSocket}Host: ${authority}\r\n${auth}\r\n`, '403 policy-denied'],
      [
        'an upgrade to another protocol',
        `GET ${target}/ HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: x\r\nHost: ${authority}\r\n${auth}\r\n`,
        '501 upgrade-unsupported',
      ],
      ['a coded reply', `GET ${target}/coded HTTP/1.1\r\n${end}`, '502 origin-failed'],
      ['a coded reply to an upload', `POST ${target}/coded HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${end}0\r\n\r\n`, '502 origin-failed'],
      ['a coded reply of a service', `GET /services/plain/coded HTTP/1.1\r\n${end}`, '502 origin-failed'],
    ] as const,
    async ([what, bytes, line]) => {
      const connections = origin.connections()
      const reply = await exchangeRaw(proxyPort, bytes)
      assert.equal(reply.slice(0, reply.indexOf('\r\n')), `HTTP/1.1 ${line}`, what)
      assert.match(reply, new RegExp(`"code":"${line.slice(4)}"`), what)
      assert.match(reply, new RegExp(`\r\nproxy-status: sallyport; error=[a-z_]+; details="${line.slice(4)}"\r\n`, 'i'), what)
      assert.equal(origin.connections() - connections, line.startsWith('502') ? 1 : 0, what)
    },
  )
  // An offer of HTTP/2 is ignored, and the request answered as it stands (RFC 9110 §7.8).
  const plain = `GET ${target}/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nHost: ${authority}\r\n${auth}\r\n`
  assert.match(await exchangeRaw(proxyPort, plain), /^HTTP\/1\.1 200 OK\r\n/)
  // HTTP/1.0 knows no 100 Continue.
  const old = `POST ${target}/ HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n${auth}\r\nhello`
  assert.match(await exchangeRaw(proxyPort, old), /^HTTP\/1\.1 200 OK\r\n/)
  const inside = await openTunnel(proxyPort, 'inside.test:443')
  inside.write(`GET / HTTP/1.1\r\nHost: inside.test:443\r\n${webSocket}\r\n`)
  let answer = ''
  inside.on('data', (chunk) => {
    answer += chunk
  })
  await eventually('it is refused', () => answer.includes('\r\n\r\n'))
  assert.match(answer, /^HTTP\/1\.1 403 policy-denied\r\n/)
  inside.destroy()
})

test('a caller that does not trust the CA is recorded under its integration and its CONNECT, and one that names another host gets an alert', async (t) => {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': grant({ network: [{ hosts: ['inside.test'], ports: [443], tls: 'intercept' }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const shake = async (servername: string, tls: ConnectionOptions = {}): Promise<string> => {
    const socket = await openTunnel(proxyPort, 'inside.test:443')
    return new Promise((resolve) => {
      const secure = connectTls({ socket, servername, ca: [], ...tls })
      secure.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      secure.once('secureConnect', () => resolve('trusted'))
    })
  }
  const refused = (count: number) =>
    eventually('it is recorded', () => {
      const found = installation.records().filter(({ type }) => type === 'refused')
      return found.length === count ? found.at(-1) : null
    })
  const parent = () =>
    installation
      .records()
      .filter(({ type, kind }) => type === 'decided' && kind === 'tunnel')
      .at(-1)?.['id']
  assert.equal(await shake('inside.test'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  const distrusted = await refused(1)
  assert.deepEqual([distrusted['code'], distrusted['integration'], distrusted['parent']], ['client-tls-failed', 'weather', parent()])
  assert.match(String(distrusted['detail']), /trust the gateway's CA/)
  assert.equal(await shake('other.test'), 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
  const misnamed = await refused(2)
  assert.deepEqual([misnamed['code'], misnamed['integration'], misnamed['parent']], ['interception-failed', 'weather', parent()])
  assert.match(String(misnamed['detail']), /SNI differs from the CONNECT authority/)
  // It looks at the certificate once the handshake is over, as GnuTLS does (wget, git and apt of Debian).
  assert.equal(await shake('inside.test', { maxVersion: 'TLSv1.2' }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  const silent = await refused(3)
  assert.deepEqual([silent['code'], silent['integration'], silent['parent']], ['client-tls-failed', 'weather', parent()])
  assert.match(
    String(silent['detail']),
    /left after the TLS handshake, without a request, .* trust the gateway's CA; start it with .*sallyport env NAME/,
  )
})

test('a caller that leaves an interception after its request, or is ended by the gateway, is not one that distrusts the CA', async (t) => {
  const installation = createInstallation(t, {
    config: 'http: { headersTimeout: 200ms }',
    manifests: { 'weather.yaml': grant({ network: [{ hosts: ['inside.test'], ports: [443], tls: 'intercept' }] }) },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const open = () => openInside(installation, { proxyPort, host: 'inside.test', port: 443, servername: 'inside.test' })
  const refusals = () =>
    installation
      .records()
      .filter(({ type }) => type === 'refused')
      .map(({ code }) => code)
  const asking = await open()
  asking.write('nonsense\r\n\r\n')
  await once(asking.resume(), 'close')
  await eventually('it is recorded', () => refusals().length === 1)
  const silent = await open()
  await once(silent.resume(), 'close')
  await eventually('it is recorded', () => refusals().length === 2)
  const closing = once((await open()).resume(), 'close')
  await gateway.close()
  await closing
  assert.ok(!refusals().some((code) => ['client-tls-failed', 'interception-failed'].includes(String(code))), refusals().join())
})

test('a spare connection of a caller that trusts the CA, as Go and browsers open them, is not recorded as distrust; one to another host is', async (t) => {
  const installation = createInstallation(t, {
    manifests: { 'weather.yaml': grant({ network: [{ hosts: ['inside.test', 'other.test'], ports: [443], tls: 'intercept' }] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  const open = (host: string) => openInside(installation, { proxyPort, host, port: 443, servername: host })
  const of = (given: string) => installation.records().filter(({ type }) => type === given)
  const tunnels = () => of('decided').map(({ id }) => id)
  const settled = (count: number) =>
    eventually('so many tunnels are settled', () => of('settled').filter(({ id }) => tunnels().includes(id)).length === count)
  const leave = async () => once((await open('inside.test')).resume().end(), 'close')
  const used = await open('inside.test')
  used.write('GET /')
  await leave()
  await settled(1)
  used.destroy()
  await settled(2)
  await leave()
  await settled(3)
  assert.ok(!of('refused').some(({ code }) => code === 'client-tls-failed'))
  await once((await open('other.test')).resume().end(), 'close')
  await eventually('it is recorded', () => of('refused').at(-1)?.['code'] === 'client-tls-failed')
})

test('what cannot be parsed is recorded as whose connection it is: by its listener, or by the tunnel that it is in', async (t) => {
  const installation = createInstallation(t, {
    config: 'listeners: [{ name: own, address: "127.0.0.1:0", integration: weather }, { name: all, address: "127.0.0.1:0" }]',
    manifests: { 'weather.yaml': grant({ network: [{ hosts: ['inside.test'], ports: [80], tls: 'intercept' }] }) },
  })
  const { gateway, proxyPort: own } = await startHere(t, installation)
  const all = portOf(gateway, 1)
  const refused = async (count: number) => {
    const found = await eventually('it is recorded', () => {
      const some = installation.records().filter(({ type }) => type === 'refused')
      return some.length === count ? some.at(-1) : null
    })
    return [found['code'], found['integration'], found['parent']]
  }
  await exchangeRaw(own, 'nonsense\r\n\r\n')
  assert.deepEqual(await refused(1), ['malformed-request', 'weather', undefined])
  await exchangeRaw(all, 'nonsense\r\n\r\n')
  assert.deepEqual(await refused(2), ['malformed-request', null, undefined])
  await eachCase(
    ['GET / \0\r\n\r\n', 'GET / HTTP/1.2\r\n\r\n', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n'].entries(),
    async ([index, inside]) => {
      await exchangeRaw(all, `CONNECT inside.test:80 HTTP/1.1\r\n${auth}\r\n${inside}`)
      const [code, integration, parent] = await refused(3 + index)
      const tunnel = installation
        .records()
        .filter(({ type, kind }) => type === 'decided' && kind === 'tunnel')
        .at(-1)
      assert.deepEqual([integration, parent], ['weather', tunnel?.['id']], String(code))
      assert.equal(code, ['malformed-request', 'version-unsupported', 'method-not-allowed'][index])
    },
  )
})
