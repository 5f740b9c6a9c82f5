/** Names of requests: how often name servers are asked for them, and that an answer outlives its name servers for a while. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { times } from '../support/cases.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { type DnsAnswer, startNameServer } from '../support/resolver.ts'

/** An origin that keeps no connection, so that each request needs its address. */
async function arrange(t: TestContext, dns: string) {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.writeHead(200, { connection: 'close' }).end('hello') })
  const state = { says: { addresses: ['127.0.0.1'], ttl: 60 } as DnsAnswer }
  const resolver = await startNameServer(t, (_name, type) =>
    type === 'AAAA' && typeof state.says === 'object' ? { addresses: [], ttl: 60 } : state.says,
  )
  const network = toLocalhost(origin.port, { hosts: ['a.example', '*.a.example'] })
  const installation = createInstallation(t, {
    config: `http: { dnsServers: ["127.0.0.1:${resolver.port}"], dns: ${dns} }`,
    manifests: { 'weather.yaml': grant({ network: [network] }) },
  })
  const { proxyPort, gateway } = await startHere(t, installation)
  const ask = async (host = 'a.example') => {
    const authority = `${host}:${origin.port}`
    const answer = await exchangeRaw(
      proxyPort,
      `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
    return answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
  }
  const metrics = async () => (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  return { state, resolver, ask, metrics }
}

/** One for each family. */
const once = ['a.example', 'a.example']

test('within its time an answer is used again, and a request that is denied asks for nothing', async (t) => {
  const { resolver, ask } = await arrange(t, '{}')
  await times(3, async () => assert.equal(await ask(), '200'))
  assert.equal(await ask('b.example'), '403')
  assert.deepEqual(resolver.asked, once)
})

test('with maxNames: 0 each request asks', async (t) => {
  const { resolver, ask } = await arrange(t, '{ maxNames: 0 }')
  await times(2, async () => assert.equal(await ask(), '200'))
  assert.deepEqual(resolver.asked, [...once, ...once])
})

test('a missing name is asked for once within negativeTtl', async (t) => {
  const { resolver, state, ask } = await arrange(t, '{ negativeTtl: 1h }')
  state.says = 'nxdomain'
  await times(3, async () => assert.equal(await ask(), '502'))
  assert.deepEqual(resolver.asked, once)
})

test('an answer whose maxTtl is over is used for the time of stale while the name servers fail', async (t) => {
  const { resolver, state, ask, metrics } = await arrange(t, '{ minTtl: 1ms, maxTtl: 1ms, stale: 1h }')
  assert.equal(await ask(), '200')
  state.says = 'servfail'
  await times(2, async () => assert.equal(await ask(), '200'))
  assert.match(await metrics(), /^sallyport_stale_names_total 2$/m)
  assert.ok(resolver.asked.length > once.length)
  assert.equal(await ask('unknown.a.example'), '502')
})

test('beyond the time of stale the request fails with its name servers', async (t) => {
  const { state, ask } = await arrange(t, '{ minTtl: 1ms, maxTtl: 1ms, stale: 1ms }')
  assert.equal(await ask(), '200')
  state.says = 'servfail'
  assert.equal(await ask(), '502')
})
