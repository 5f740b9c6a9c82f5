/** What a request has cost: on its record, and for an integration that asks in `Server-Timing`. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createInstallation, exchangeRaw, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext) {
  const origin = await startOrigin(t, {
    answer: (req, res) => void req.resume().on('end', () => res.setHeader('server-timing', 'db;dur=5').end('hello')),
  })
  const network = `network: [{ hosts: [localhost], ports: [${origin.port}], paths: [/ok], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]`
  const installation = createInstallation(t, {
    manifests: {
      'weather.yaml': manifest('weather', `${network}\ntelemetry: { serverTiming: true }`),
      'other.yaml': manifest('other', network),
    },
  })
  const { proxyPort } = await startHere(t, installation)
  const ask = async (path: string, name = 'weather') => {
    const reply = await exchangeRaw(
      proxyPort,
      `POST http://localhost:${origin.port}${path} HTTP/1.1\r\nHost: localhost:${origin.port}\r\nProxy-Authorization: ${proxyHeader(name)}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`,
    )
    return [...reply.matchAll(/^server-timing: (.*)\r$/gim)].map(([, value]) => value ?? '')
  }
  const settled = async (count: number) => {
    const all = () => installation.records().filter(({ type }) => type === 'settled')
    await eventually('all is settled', () => all().length === count)
    return all()
  }
  return { ask, settled }
}

const names = (value = '') => value.split(', ').map((metric) => /^sallyport-([a-z-]+);dur=\d+(?:\.\d{1,3})?$/.exec(metric)?.[1])

test('an integration whose manifest asks is told how long the stations took, and its share of the processor; no other is', async (t) => {
  const { ask } = await arrange(t)
  const [origins, first] = await ask('/ok')
  assert.equal(origins, 'db;dur=5')
  assert.deepEqual(names(first), ['identify', 'limits', 'policy', 'admit', 'queue', 'dns', 'connect', 'first-byte', 'record', 'cpu'])
  const denied = await ask('/denied')
  assert.deepEqual(denied.map(names), [['identify', 'limits', 'policy', 'record', 'cpu']])
  assert.deepEqual(await ask('/ok', 'other'), ['db;dur=5'])
})

test('the record says which tokens were taken, and what the request has cost', async (t) => {
  const { ask, settled } = await arrange(t)
  await ask('/ok')
  await ask('/denied')
  const [allowed, denied] = await settled(2)
  assert.deepEqual(allowed?.['tokens'], { requests: 1, bytesOut: 3, bytesIn: 5 })
  assert.equal(denied?.['tokens'], undefined)
  assert.ok(Number(allowed?.['cpuMs']) > 0 && Number(denied?.['cpuMs']) > 0)
  assert.ok(Number(allowed?.['bodyMs']) >= 0)
})
