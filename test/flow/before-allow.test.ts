/** No DNS query and no connection before an allow: a resolver and an origin that count. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { startResolver } from '../support/resolver.ts'

async function arrange(t: TestContext, resolved: readonly string[]) {
  const origin = await startOrigin(t)
  const resolver = await startResolver(t, resolved)
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${resolver.port}"], connectTimeout: 2s }`,
    manifests: {
      'weather.yaml': grant({
        network: [
          { hosts: ['api.example.com'], ports: [origin.port], tls: 'none', paths: ['/v1/**'], addresses: ['127.0.0.0/8'] },
          { hosts: ['public.example.com'], ports: [origin.port], tls: 'none' },
          { hosts: ['tunnel.example.com'], ports: [origin.port], tls: 'tunnel' },
        ],
      }),
    },
  })
  const { proxyPort, log, gateway } = await startHere(t, installation)
  const get = (host: string, path: string) =>
    exchangeRaw(
      proxyPort,
      `GET http://${host}:${origin.port}${path} HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  const connect = (authority: string) =>
    exchangeRaw(proxyPort, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
  return { origin, resolver, proxyPort, get, connect, installation, log, gateway }
}

test('a denied name is never looked up and never dialled, through any form of request', async (t) => {
  const { origin, resolver, get, connect, proxyPort } = await arrange(t, ['127.0.0.1'])
  assert.match(await get('other.example.com', '/v1/a'), /^HTTP\/1.1 403 /)
  assert.match(await get('api.example.com', '/admin'), /^HTTP\/1.1 403 /)
  assert.match(await connect('other.example.com:443'), /^HTTP\/1.1 403 /)
  assert.match(
    await exchangeRaw(
      proxyPort,
      `GET http://api.example.com:${origin.port}/v1/a HTTP/1.1\r\nHost: api.example.com:${origin.port}\r\nConnection: close\r\n\r\n`,
    ),
    /^HTTP\/1.1 407 /,
  )
  assert.deepEqual(resolver.asked, [])
  assert.equal(origin.connections(), 0)

  assert.match(await get('api.example.com', '/v1/a'), /^HTTP\/1.1 200 /)
  assert.ok(resolver.asked.length > 0 && resolver.asked.every((name) => name === 'api.example.com'))
  assert.equal(origin.connections(), 1)
})

test('a name that resolves to a private address is not dialled unless the capability names the block', async (t) => {
  const { origin, get, connect, installation, log, gateway } = await arrange(t, ['127.0.0.1'])
  eachCase([await get('public.example.com', '/'), await connect(`tunnel.example.com:${origin.port}`)], (answer) => {
    assert.match(answer, /^HTTP\/1.1 403 .*"code":"address-denied"/s)
    // The link to /v1/self has the address that the caller itself is connected to.
    assert.doesNotMatch(answer.replace(/"self":"[^"]*"/, ''), /127\.0\.0\./)
  })
  assert.equal(origin.connections(), 0)

  // The operator learns which address it was, from the record and from the log.
  await gateway.close()
  const detail = `127.0.0.1 port ${origin.port} (127.0.0.0/8: loopback)`
  const details = installation.records().flatMap(({ type, ...record }) => (type === 'settled' ? [record['detail']] : []))
  assert.deepEqual(details, [detail, detail])
  assert.equal(log.filter((line) => line.includes(detail) && line.includes('"integration":"weather"')).length, 2)
})

test('a name with one private address among public ones is denied', async (t) => {
  const { origin, get } = await arrange(t, ['8.8.8.8', '127.0.0.1'])
  assert.match(await get('public.example.com', '/'), /^HTTP\/1.1 403 .*"code":"address-denied"/s)
  assert.equal(origin.connections(), 0)
})

test('the gateway’s own ports are refused as a destination, whatever a manifest allows', async (t) => {
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': grant({
        network: [{ hosts: ['localhost', '127.0.0.1'], ports: [1], tls: 'none', addresses: ['127.0.0.0/8', '::1/128'] }],
      }),
    },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  installation.write(
    'integrations/weather.yaml',
    grant({
      network: [
        { hosts: ['localhost', '127.0.0.1'], ports: [proxyPort, gateway.health.port], tls: 'none', addresses: ['127.0.0.0/8', '::1/128'] },
      ],
    }),
  )
  assert.equal((await gateway.reload()).ok, true)
  await eachCase([proxyPort, gateway.health.port], (port) =>
    eachCase(['localhost', '127.0.0.1', '127.1', '[::ffff:127.0.0.1]'], async (host) => {
      const reply = await exchangeRaw(
        proxyPort,
        `GET http://${host}:${port}/metrics HTTP/1.1\r\nHost: ${host}:${port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
      )
      assert.match(reply, /^HTTP\/1.1 403 .*"code":"address-denied"/s, `${host}:${port}`)
    }),
  )
})
