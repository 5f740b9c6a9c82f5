/** The security cases through every door that they can reach, on both address families: one question, one verdict, whatever the way. */

import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { canonicalHost } from '../../src/canonical/index.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { families } from '../support/inside-cases.ts'
import { createInstallation, exchangeRaw, type Installation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { hasIpv6 } from '../support/ipv6.ts'
import { startOrigin } from '../support/origin.ts'
import { pathCases } from '../support/path-cases.ts'
import { startNameServer } from '../support/resolver.ts'
import { exchangeInside } from '../support/tunnel.ts'

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
/** The ways to ask a gateway that listens there. */
function asking(port: number, host = '127.0.0.1') {
  const raw = (text: string) => exchangeRaw(port, Buffer.from(text, 'latin1'), host)
  const tunnel = (authority: string, inside = '') => raw(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n${inside}`)
  return {
    raw,
    tunnel,
    absolute: (authority: string, path: string) =>
      raw(`GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`),
    intercepted: (authority: string, path: string) =>
      tunnel(authority, `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`),
    service: (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: h\r\n${auth}Connection: close\r\n\r\n`),
    websocket: (target: string) =>
      raw(
        `GET ${target} HTTP/1.1\r\nHost: h\r\n${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      ),
  }
}
/** What a manifest says of TLS, and the ways to an origin that it opens. */
const ways = [
  ['none', 'absolute'],
  ['none', 'intercepted'],
  ['tunnel', 'intercepted'],
] as const
const statusOf = (answer: string) => Number(answer.slice(9, 12))
const codeOf = (answer: string) => /"code":"([^"]+)"/.exec(answer)?.[1]

function grant(installation: Installation, rest: string): void {
  installation.write('integrations/weather.yaml', manifest('weather', rest))
}

for (const { address, listener, options } of families) {
  const listeners = `listeners: [{ name: proxy, address: "${listener}" }]`

  test(`cases 1, 2: no spelling of a host is another host, through absolute form, CONNECT and Host over ${address}`, options, async (t) => {
    const origin = await startOrigin(t, { host: address })
    const installation = createInstallation(t, { config: listeners })
    grant(installation, `network: [{ hosts: [case.localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`)
    const { proxyPort } = await startHere(t, installation)
    const from = asking(proxyPort, address)
    const refused = [
      '[case.localhost]',
      '[[::1]]',
      '[::1%25lo]',
      '.case.localhost',
      'case.localhost..',
      'case.localhost%2e',
      'case.localhost%00',
      'case.localhost\0',
      'evil\0.case.localhost',
      'case.local\thost',
      'case.localhost\\',
      'case.localhost#',
      'a@case.localhost',
      'case.localhost:80',
      '',
      Buffer.from('case.ｌocalhost').toString('latin1'),
      Buffer.from('case.local\u00adhost').toString('latin1'),
      Buffer.from('case.localhost\u3002').toString('latin1'),
      `${'a'.repeat(64)}.com`,
    ]
    await eachCase(refused, async (host) => {
      const authority = `${host}:${origin.port}`
      await eachCase(
        [
          from.absolute(authority, '/'),
          from.tunnel(authority),
          from.raw(`GET http://case.localhost:${origin.port}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}Connection: close\r\n\r\n`),
        ],
        async (ask) => assert.equal(statusOf(await ask), 400, JSON.stringify(host)),
      )
    })
    assert.equal(origin.connections(), 0)
    await eachCase(['CASE.LOCALHOST', 'case.localhost.', 'Case.LocalHost.'], async (host) => {
      const authority = `${host}:${origin.port}`
      assert.equal(statusOf(await from.absolute(authority, '/')), 200, host)
      const inside = `GET / HTTP/1.1\r\nHost: case.localhost:${origin.port}\r\nConnection: close\r\n\r\n`
      assert.match(await from.tunnel(authority, inside), /^HTTP\/1\.1 200 Connection Established.*hello/s, host)
      assert.match(await from.tunnel(authority, inside.replace('case.localhost', 'other')), /HTTP\/1\.1 400 /, host)
    })
  })

  test(
    `case 5: no form of a special address is dialled because a manifest names it, unless it names its block too, through absolute form, tunnel and interception over ${address}`,
    options,
    async (t) => {
      const origin = await startOrigin(t, { host: address })
      const installation = createInstallation(t, { config: listeners })
      const { proxyPort, gateway } = await startHere(t, installation)
      const from = asking(proxyPort, address)
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
      await eachCase(ways, async ([tls, way]) => {
        grant(installation, `network: [{ hosts: ${named}, ports: [${origin.port}], tls: ${tls} }]`)
        assert.equal((await gateway.reload()).ok, true)
        await eachCase(forms, async (form) => {
          const authority = `${form}:${origin.port}`
          const answer = await from[way](authority, '/')
          assert.equal(codeOf(answer), 'address-denied', `${tls} ${form}: ${answer}`)
        })
      })
      assert.equal(origin.connections(), 0)
    },
  )

  test(
    `cases 6, 9: one path has one verdict through absolute form, interception and named service, and arrives as it was judged over ${address}`,
    options,
    async (t) => {
      const installation = createInstallation(t, { config: listeners })
      const certificate = await createOriginCertificate(installation.folder, 'case.localhost')
      const [plain, secure] = [await startOrigin(t, { host: address }), await startOrigin(t, { certificate, host: address })]
      installation.write(
        'sallyport.yaml',
        `${installation.read('sallyport.yaml')}http: { originCa: ./origin-ca.crt }\nservices: [{ name: s, url: "http://case.localhost:${plain.port}", addresses: [127.0.0.0/8, "::1/128"] }]\n`,
      )
      const to = (port: number, tls: string) =>
        `{ hosts: [case.localhost], ports: [${port}], tls: ${tls}, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }`
      grant(installation, `network: [${to(plain.port, 'none')}, ${to(secure.port, 'intercept')}]\nservices: [{ name: s, paths: [/v1/**] }]`)
      const { proxyPort } = await startHere(t, installation)
      const from = asking(proxyPort, address)
      const at = { proxyHost: address, host: 'case.localhost', servername: 'case.localhost' }
      await eachCase(pathCases, async ({ path, status, arrives }) => {
        const inside = `GET ${path} HTTP/1.1\r\nHost: case.localhost:${secure.port}\r\nConnection: close\r\n\r\n`
        const answers = [
          await from.absolute(`case.localhost:${plain.port}`, path),
          await exchangeInside(installation, { ...at, proxyPort, port: secure.port }, inside),
          await from.service(`/services/s${path}`),
        ]
        assert.deepEqual(answers.map(statusOf), [status, status, status], path)
        const arrived = [...plain.requests.splice(0), ...secure.requests.splice(0)].map(({ url }) => url)
        assert.deepEqual(arrived, arrives === undefined ? [] : [arrives, arrives, arrives], path)
      })
    },
  )

  test(
    `case 12: nothing is looked up for what is denied inside an interception or by a service’s name over ${address}`,
    options,
    async (t) => {
      const resolver = await startNameServer(t, (_name, type) => (address.includes(':') === (type === 'AAAA') ? [address] : []))
      const origin = await startOrigin(t, { host: address })
      const installation = createInstallation(t, {
        config: `${listeners}\nhttp: { dnsServers: ["127.0.0.1:${resolver.port}"] }\nservices: [{ name: s, url: "http://service.example.com:${origin.port}", addresses: [127.0.0.0/8, "::1/128"] }]`,
      })
      grant(
        installation,
        `network: [{ hosts: [api.example.com], ports: [${origin.port}], tls: intercept, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }]\nservices: [{ name: s, paths: [/v1/**] }]`,
      )
      const { proxyPort } = await startHere(t, installation)
      const from = asking(proxyPort, address)
      const host = 'api.example.com'
      const inside = `GET /admin HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nConnection: close\r\n\r\n`
      assert.equal(
        statusOf(await exchangeInside(installation, { proxyPort, proxyHost: address, host, port: origin.port, servername: host }, inside)),
        403,
      )
      assert.equal(statusOf(await from.service('/services/s/admin')), 403)
      assert.equal(statusOf(await from.websocket('/services/s/v1/a')), 403)
      assert.equal(resolver.asked.length, 0)
      assert.equal(origin.connections(), 0)
      assert.equal(statusOf(await from.service('/services/s/v1/a')), 200)
      assert.ok(resolver.asked.includes('service.example.com'))
    },
  )

  test(
    `cases 8, 13: a service’s credential goes to the service alone, whatever Host says and wherever it redirects over ${address}`,
    options,
    async (t) => {
      process.env['TEST_CASE_CREDENTIAL'] = 'case-credential-0123456789'
      const thief = await startOrigin(t, { host: address })
      const origin = await startOrigin(t, {
        host: address,
        answer: (_req, res) => void res.writeHead(302, { location: `http://case.localhost:${thief.port}/` }).end(),
      })
      const installation = createInstallation(t, {
        config: `${listeners}\nservices: [{ name: s, url: "http://case.localhost:${origin.port}", addresses: [127.0.0.0/8, "::1/128"], headers: { X-Api-Key: { env: TEST_CASE_CREDENTIAL } } }]`,
      })
      grant(installation, 'services: [{ name: s }]')
      const { proxyPort } = await startHere(t, installation)
      const from = asking(proxyPort, address)
      const thiefs = `case.localhost:${thief.port}`
      const answer = await from.raw(
        `GET /services/s/x HTTP/1.1\r\nHost: ${thiefs}\r\n${auth}X-Forwarded-Host: ${thiefs}\r\nConnection: close\r\n\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 302 /)
      assert.ok(!answer.includes('case-credential'))
      assert.equal(thief.connections(), 0)
      assert.ok(origin.requests[0]?.rawHeaders.includes('case-credential-0123456789'))
      assert.ok(!origin.requests[0]?.rawHeaders.includes(thiefs))
    },
  )
}

test('case 14: the gateway’s own ports are no destination through any door, by any name of this machine', async (t) => {
  const installation = createInstallation(t)
  const { proxyPort, gateway } = await startHere(t, installation)
  const from = asking(proxyPort)
  const own = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address))
  const hosts = ['localhost', '127.0.0.1', '127.0.0.2', '127.1', '0.0.0.0', '0', '[::1]', '[::]', '[::ffff:127.0.0.1]', ...own]
  const ports = [proxyPort, gateway.health.port]
  const named = JSON.stringify([...new Set(hosts.map((host) => canonicalHost(host)))])
  // Of a tunnel to where its caller is connected, nothing is answered but what that may do.
  const expected = (way: string, host: string, port: number) =>
    way === 'intercepted' && port === proxyPort && host === '127.0.0.1' ? 'nothing' : 'address-denied'
  const verdict = (answer: string) => codeOf(answer) ?? (answer.split('\r\n\r\n')[1] === '' ? 'nothing' : answer)
  await eachCase(ways, async ([tls, way]) => {
    grant(installation, `network: [{ hosts: ${named}, ports: [${ports}], tls: ${tls}, addresses: [0.0.0.0/0, "::/0"] }]`)
    assert.equal((await gateway.reload()).ok, true)
    await eachCase(
      ports.flatMap((port) => hosts.map((host) => [host, port] as const)),
      async ([host, port]) => assert.equal(verdict(await from[way](`${host}:${port}`, '/metrics')), expected(way, host, port)),
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
  const from = asking(proxyPort)
  await eachCase(hosts.keys(), async (i) => {
    assert.equal(codeOf(await from.service(`/services/s${i}/metrics`)), 'address-denied', hosts[i])
    assert.equal(codeOf(await from.websocket(`/services/s${i}/metrics`)), 'address-denied', hosts[i])
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
