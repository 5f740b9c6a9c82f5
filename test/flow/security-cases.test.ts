/** The security cases through every door that they can reach, on both address families: one question, one verdict, whatever the way. */

import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { canonicalHost } from '../../src/canonical/index.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { createInstallation, exchangeRaw, type Installation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { hasIpv6 } from '../support/ipv6.ts'
import { startOrigin } from '../support/origin.ts'
import { startResolver } from '../support/resolver.ts'
import { exchangeInside } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const raw = (port: number, text: string) => exchangeRaw(port, Buffer.from(text, 'latin1'))
const absolute = (port: number, authority: string, path: string) =>
  raw(port, `GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`)
const tunnel = (port: number, authority: string, inside = '') =>
  raw(port, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n${inside}`)
const service = (port: number, target: string) => raw(port, `GET ${target} HTTP/1.1\r\nHost: h\r\n${auth}Connection: close\r\n\r\n`)
const websocket = (port: number, target: string) =>
  raw(
    port,
    `GET ${target} HTTP/1.1\r\nHost: h\r\n${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
const intercepted = (port: number, authority: string, path: string) =>
  tunnel(port, authority, `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`)
/** What a manifest says of TLS, and the ways to an origin that it opens. */
const ways = [
  ['none', absolute],
  ['none', intercepted],
  ['tunnel', intercepted],
] as const
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const codeOf = (answer: string) => /"code":"([^"]+)"/.exec(answer)?.[1]

function grant(installation: Installation, rest: string): void {
  installation.write('integrations/weather.yaml', manifest('weather', rest))
}

test('cases 1, 2: no spelling of a host is another host, through absolute form, CONNECT and Host', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t)
  grant(installation, `network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`)
  const { proxyPort } = await startHere(t, installation)
  const refused = [
    '[localhost]',
    '[[::1]]',
    '[::1%25lo]',
    '.localhost',
    'localhost..',
    'localhost%2e',
    'localhost%00',
    'localhost\0',
    'evil\0.localhost',
    'local\thost',
    'localhost\\',
    'localhost#',
    'a@localhost',
    'localhost:80',
    '',
    Buffer.from('ｌocalhost').toString('latin1'),
    Buffer.from('local\u00adhost').toString('latin1'),
    Buffer.from('localhost\u3002').toString('latin1'),
    `${'a'.repeat(64)}.com`,
  ]
  await eachCase(refused, async (host) => {
    const authority = `${host}:${origin.port}`
    await eachCase(
      [
        absolute(proxyPort, authority, '/'),
        tunnel(proxyPort, authority),
        raw(proxyPort, `GET http://localhost:${origin.port}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`),
      ],
      async (ask) => assert.equal(statusOf(await ask), 400, JSON.stringify(host)),
    )
  })
  assert.equal(origin.connections(), 0)
  await eachCase(['LOCALHOST', 'localhost.', 'LocalHost.'], async (host) => {
    const authority = `${host}:${origin.port}`
    assert.equal(statusOf(await absolute(proxyPort, authority, '/')), 200, host)
    const inside = `GET / HTTP/1.1\r\nHost: localhost:${origin.port}\r\nConnection: close\r\n\r\n`
    assert.match(await tunnel(proxyPort, authority, inside), /^HTTP\/1\.1 200 Connection Established.*hello/s, host)
    assert.match(await tunnel(proxyPort, authority, inside.replace('localhost', 'other')), /HTTP\/1\.1 400 /, host)
  })
})

test('case 5: no form of a special address is dialled because a manifest names it, unless it names its block too, through absolute form, tunnel and interception', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t)
  const { proxyPort, gateway } = await startHere(t, installation)
  const forms = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0',
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '192.168.0.1',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fc00::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
  ]
  const named = JSON.stringify([...new Set(forms.map((form) => canonicalHost(form)))])
  await eachCase(ways, async ([tls, ask]) => {
    grant(installation, `network: [{ hosts: ${named}, ports: [${origin.port}], tls: ${tls} }]`)
    assert.equal((await gateway.reload()).ok, true)
    await eachCase(forms, async (form) => {
      const authority = `${form}:${origin.port}`
      const answer = await ask(proxyPort, authority, '/')
      assert.equal(codeOf(answer), 'address-denied', `${tls} ${form}: ${answer}`)
    })
  })
  assert.equal(origin.connections(), 0)
})

test('cases 6, 9: one path has one verdict through absolute form, interception and named service, and arrives as it was judged', async (t) => {
  const installation = createInstallation(t)
  const certificate = await createOriginCertificate(installation.folder, 'localhost')
  const [plain, secure] = [await startOrigin(t), await startOrigin(t, { certificate })]
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\nservices: [{ name: s, url: "http://127.0.0.1:${plain.port}" }]\n`,
  )
  const to = (port: number, tls: string) =>
    `{ hosts: [localhost], ports: [${port}], tls: ${tls}, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }`
  grant(installation, `network: [${to(plain.port, 'none')}, ${to(secure.port, 'intercept')}]\nservices: [{ name: s, paths: [/v1/**] }]`)
  const { proxyPort } = await startHere(t, installation)
  const cases: readonly (readonly [string, number, string?])[] = [
    ['/v1/a', 200, '/v1/a'],
    ['/v1/a/', 200, '/v1/a/'],
    ['/%76%31/%61?x=%2e%2e/', 200, '/v1/a?x=%2e%2e/'],
    ['/v1/a%3f%23', 200, '/v1/a%3F%23'],
    ['/v1/a;x=1', 200, '/v1/a;x=1'],
    ['/v1/...', 200, '/v1/...'],
    ['/./v1/./a', 200, '/v1/a'],
    ['/v1/.', 200, '/v1/'],
    ['/admin/.', 403],
    ['/V1/a', 403],
    ['/admin', 403],
    ['/v1', 403],
    ...[
      '/v1/../admin',
      '/v1/%2e%2e/admin',
      '/v1/.%2E/admin',
      '/v1/..;/admin',
      '/v1/..;x=1/admin',
      '/v1/%2e%2e%3bx/admin',
      '/v1/%2e/a',
      '/v1/./../admin',
      '/v1//a',
      '//v1/a',
      '/v1/a%2fb',
      '/v1/a%5Cb',
      '/v1/a\\b',
      '/v1/a#b',
      '/v1/a?b#c',
      '/v1/a%00',
      '/v1/a%0d%0a',
      '/v1/%c0%ae%c0%ae/admin',
      '/v1/a%u002e',
      '/v1/a%',
      '/v1/\xe9',
    ].map((path) => [path, 400] as const),
  ]
  await eachCase(cases, async ([path, status, arrives]) => {
    const inside = `GET ${path} HTTP/1.1\r\nHost: localhost:${secure.port}\r\nConnection: close\r\n\r\n`
    const answers = [
      await absolute(proxyPort, `localhost:${plain.port}`, path),
      await exchangeInside(installation, { proxyPort, port: secure.port }, inside),
      await service(proxyPort, `/services/s${path}`),
    ]
    assert.deepEqual(answers.map(statusOf), [status, status, status], path)
    const arrived = [...plain.requests.splice(0), ...secure.requests.splice(0)].map(({ url }) => url)
    assert.deepEqual(arrived, arrives === undefined ? [] : [arrives, arrives, arrives], path)
  })
})

test('case 12: nothing is looked up for what is denied inside an interception or by a service’s name', async (t) => {
  const resolver = await startResolver(t, ['127.0.0.1'])
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${resolver.port}"] }\nservices: [{ name: s, url: "http://service.example.com:${origin.port}", addresses: [127.0.0.0/8] }]`,
  })
  grant(
    installation,
    `network: [{ hosts: [api.example.com], ports: [${origin.port}], tls: intercept, paths: [/v1/**], addresses: [127.0.0.0/8] }]\nservices: [{ name: s, paths: [/v1/**] }]`,
  )
  const { proxyPort } = await startHere(t, installation)
  const host = 'api.example.com'
  const inside = `GET /admin HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nConnection: close\r\n\r\n`
  assert.equal(statusOf(await exchangeInside(installation, { proxyPort, host, port: origin.port, servername: host }, inside)), 403)
  assert.equal(statusOf(await service(proxyPort, '/services/s/admin')), 403)
  assert.equal(statusOf(await websocket(proxyPort, '/services/s/v1/a')), 403)
  assert.equal(resolver.asked.length, 0)
  assert.equal(origin.connections(), 0)
  assert.equal(statusOf(await service(proxyPort, '/services/s/v1/a')), 200)
  assert.ok(resolver.asked.includes('service.example.com'))
})

test('cases 8, 13: a service’s credential goes to the service alone, whatever Host says and wherever it redirects', async (t) => {
  process.env['TEST_CASE_CREDENTIAL'] = 'case-credential-0123456789'
  const thief = await startOrigin(t)
  const origin = await startOrigin(t, {
    answer: (_req, res) => void res.writeHead(302, { location: `http://127.0.0.1:${thief.port}/` }).end(),
  })
  const installation = createInstallation(t, {
    config: `services: [{ name: s, url: "http://127.0.0.1:${origin.port}", headers: { X-Api-Key: { env: TEST_CASE_CREDENTIAL } } }]`,
  })
  grant(installation, 'services: [{ name: s }]')
  const { proxyPort } = await startHere(t, installation)
  const thiefs = `127.0.0.1:${thief.port}`
  const answer = await raw(
    proxyPort,
    `GET /services/s/x HTTP/1.1\r\nHost: ${thiefs}\r\n${auth}X-Forwarded-Host: ${thiefs}\r\nConnection: close\r\n\r\n`,
  )
  assert.match(answer, /^HTTP\/1\.1 302 /)
  assert.ok(!answer.includes('case-credential'))
  assert.equal(thief.connections(), 0)
  assert.ok(origin.requests[0]?.rawHeaders.includes('case-credential-0123456789'))
  assert.ok(!origin.requests[0]?.rawHeaders.includes(thiefs))
})

test('case 14: the gateway’s own ports are no destination through any door, by any name of this machine', async (t) => {
  const installation = createInstallation(t)
  const { proxyPort, gateway } = await startHere(t, installation)
  const own = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address))
  const hosts = ['localhost', '127.0.0.1', '127.0.0.2', '127.1', '0.0.0.0', '0', '[::1]', '[::]', '[::ffff:127.0.0.1]', ...own]
  const ports = [proxyPort, gateway.health.port]
  const named = JSON.stringify([...new Set(hosts.map((host) => canonicalHost(host)))])
  await eachCase(ways, async ([tls, ask]) => {
    grant(installation, `network: [{ hosts: ${named}, ports: [${ports}], tls: ${tls}, addresses: [0.0.0.0/0, "::/0"] }]`)
    assert.equal((await gateway.reload()).ok, true)
    await eachCase(
      ports.flatMap((port) => hosts.map((host) => `${host}:${port}`)),
      async (authority) => {
        const answer = await ask(proxyPort, authority, '/metrics')
        assert.equal(codeOf(answer), 'address-denied', `${tls} ${authority}: ${answer}`)
      },
    )
  })
})

test('case 14: a service that leads to the gateway itself leads nowhere', async (t) => {
  const first = createInstallation(t)
  const { gateway } = await startHere(t, first)
  const port = gateway.health.port
  await gateway.close()
  const hosts = ['127.0.0.1', 'localhost', '0.0.0.0', '[::ffff:127.0.0.1]']
  const installation = createInstallation(t, {
    config: `services: [${hosts.map((host, i) => `{ name: s${i}, url: "http://${host}:${port}", addresses: [0.0.0.0/0, "::/0"] }`).join(', ')}]`,
  })
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('health: "127.0.0.1:0"', `health: "127.0.0.1:${port}"`))
  grant(installation, `services: [${hosts.map((_, i) => `{ name: s${i}, websocket: true }`).join(', ')}]`)
  const { proxyPort } = await startHere(t, installation)
  await eachCase(hosts.keys(), async (i) => {
    assert.equal(codeOf(await service(proxyPort, `/services/s${i}/metrics`)), 'address-denied', hosts[i])
    assert.equal(codeOf(await websocket(proxyPort, `/services/s${i}/metrics`)), 'address-denied', hosts[i])
  })
})

test('both address families: a gateway and an origin on ::1 judge and pass as on 127.0.0.1', async (t) => {
  if (!(await hasIpv6())) return t.skip('this machine has no ::1')
  const origin = await startOrigin(t, { host: '::1' })
  const installation = createInstallation(t, { config: 'listeners: [{ name: proxy, address: "[::1]:0" }]' })
  const to = (host: string, tls: string) =>
    `{ hosts: ["${host}"], ports: [${origin.port}], tls: ${tls}, paths: [/v1/**], addresses: ["::1/128"] }`
  grant(installation, `network: [${to('::1', 'none')}, { hosts: ["::1"], ports: [${origin.port}], tls: tunnel, addresses: ["::1/128"] }]`)
  const { proxyPort } = await startHere(t, installation)
  const ask = (text: string) => exchangeRaw(proxyPort, text, '::1')
  await eachCase(['[::1]', '[0:0:0:0:0:0:0:1]', '[0::0001]'], async (spelling) => {
    const authority = `${spelling}:${origin.port}`
    const get = (path: string) => ask(`GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`)
    assert.match(await get('/v1/a'), /^HTTP\/1\.1 200 .*hello/s)
    assert.equal(statusOf(await get('/admin')), 403)
    const opened = await ask(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\nGET /v1/a HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(opened, /^HTTP\/1\.1 200 Connection Established.*hello/s)
  })
  assert.equal(statusOf(await ask(`CONNECT [::2]:${origin.port} HTTP/1.1\r\nHost: [::2]:${origin.port}\r\n${auth}\r\n`)), 403)
  const peers = installation.records().filter(({ peer }) => peer !== undefined)
  assert.ok(peers.every(({ peer }) => peer === '::1'))
})
