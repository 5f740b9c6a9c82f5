/** Destinations that never answer: hang-ups and deadlines are heard while a name is resolved and an address is dialled, through every door. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { startNameServer } from '../support/resolver.ts'
import { startSilentListener } from '../support/silent-listener.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'
import { openInside } from '../support/tunnel.ts'

const compilerTest = await testWith('compiler')

const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const forAnHour = '1h'

/** A name that no server answers for, and an address that answers nobody; nothing but the hang-up or the tested deadline ends a request. */
async function arrange(t: TestContext, { timeout = forAnHour, rules = '' } = {}) {
  const silent = await startSilentListener(t)
  const server = await startNameServer(t, () => 'silence')
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${server.port}"], connectTimeout: ${forAnHour}, originTimeout: ${forAnHour} }
services: [{ name: named, url: "http://silent.example", timeout: ${timeout} }, { name: numbered, url: "http://127.0.0.1:${silent}", timeout: ${timeout} }]
${rules === '' ? '' : 'policy: { rules: ./rules, grants: { builtins: [http.send, net.lookup_ip_addr], integration: weather, timeout: 300ms } }'}`,
    manifests: {
      'weather.yaml': grant({
        network: [
          { hosts: ['silent.example'], ports: [80], tls: 'none', timeout },
          { hosts: ['127.0.0.1'], ports: [silent], tls: 'none', timeout, addresses: ['127.0.0.0/8'] },
          { hosts: ['tunnel.example'], ports: [443], tls: 'tunnel', timeout },
          toLocalhost(silent, { tls: 'tunnel', timeout }),
          { hosts: ['inside.example'], ports: [443], tls: 'intercept', timeout },
        ],
        services: [
          { name: 'named', websocket: true },
          { name: 'numbered', websocket: true },
        ],
      }),
    },
  })
  if (rules !== '') {
    mkdirSync(`${installation.folder}/rules`)
    installation.write(
      'rules/ask.rego',
      rego`
        package sallyport.rules

        ${rules}
      `,
    )
  }
  const { proxyPort } = await startHere(t, installation)
  const get = (authority: string) => `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n`
  const tunnel = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${auth}\r\n`
  const service = (name: string) => `GET /services/${name}/ HTTP/1.1\r\nHost: gateway\r\n${auth}\r\n`
  const websocket = (name: string) =>
    `GET /services/${name}/ HTTP/1.1\r\nHost: gateway\r\n${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
  const requests = {
    'a name, absolute form': get('silent.example'),
    'an address, absolute form': get(`127.0.0.1:${silent}`),
    'a name, tunnel': tunnel('tunnel.example:443'),
    'an address, tunnel': tunnel(`localhost:${silent}`),
    'a name, service': service('named'),
    'an address, service': service('numbered'),
    'a name, WebSocket': websocket('named'),
    'an address, WebSocket': websocket('numbered'),
  }
  return { installation, proxyPort, server, requests }
}

const settledStatus = (records: Record<string, unknown>[], id: unknown) =>
  records.find((record) => record['type'] === 'settled' && record['id'] === id)?.['status']

test('a caller that goes away ends its request while a name is resolved or an address dialled', async (t) => {
  const { installation, proxyPort, requests, server } = await arrange(t)
  await eachCase(Object.entries(requests), async ([what, request]) => {
    const before = installation.records().length
    const socket = connect(proxyPort, '127.0.0.1', () => socket.write(request))
    const decided = await eventually(`${what} is decided`, () =>
      installation
        .records()
        .slice(before)
        .find(({ type }) => type === 'decided'),
    )
    socket.destroy()
    assert.equal(await eventually(`${what} is settled`, () => settledStatus(installation.records(), decided['id'])), 499, what)
  })
  const inside = await openInside(installation, { proxyPort, host: 'inside.example', port: 443, servername: 'inside.example' })
  inside.write('GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n')
  const decided = await eventually('what is inside is decided', () =>
    installation.records().find(({ door, type }) => door === 'intercept' && type === 'decided'),
  )
  await eventually('its name is asked for', () => server.asked.includes('inside.example'))
  inside.destroy()
  assert.equal(await eventually('it is settled', () => settledStatus(installation.records(), decided['id'])), 499)
})

test('a capability’s timeout holds while a name is resolved or an address dialled', async (t) => {
  const { installation, proxyPort, requests } = await arrange(t, { timeout: '100ms' })
  await eachCase(Object.entries(requests), async ([what, request]) => {
    const answer = await exchangeRaw(
      proxyPort,
      request.replace(auth, `${auth}${request.includes('Upgrade') ? '' : 'Connection: close\r\n'}`),
    )
    assert.match(answer, /^HTTP\/1\.1 504 .*sallyport-problem: origin-timeout\r\n/is, what)
  })
  const inside = await openInside(installation, { proxyPort, host: 'inside.example', port: 443, servername: 'inside.example' })
  inside.write('GET / HTTP/1.1\r\nHost: inside.example\r\nConnection: close\r\n\r\n')
  const [head] = (await inside.toArray()) as Buffer[]
  assert.match(String(head), /^HTTP\/1\.1 504 .*sallyport-problem: origin-timeout\r\n/is)
})

compilerTest('grants.timeout holds while what a rule asks for is resolved or dialled', async (t) => {
  const { proxyPort } = await arrange(t, {
    rules: rego`
      deny contains "no" if {
        input.request.door != "policy"
        input.http.path == "/send"
        http.send({"method": "GET", "url": "http://silent.example/"}).status_code != 200
      }

      deny contains "no" if {
        input.request.door != "policy"
        input.http.path == "/lookup"
        count(net.lookup_ip_addr("silent.example")) == 0
      }
    `,
  })
  await eachCase(['/send', '/lookup'], async (path) => {
    const answer = await exchangeRaw(
      proxyPort,
      `GET http://silent.example${path} HTTP/1.1\r\nHost: silent.example\r\n${auth}Connection: close\r\n\r\n`,
    )
    assert.match(answer, /^HTTP\/1\.1 403 .*"rule":"engine\/builtin"/s, path)
  })
})
