/** Sockets to services and origins: whatever one integration holds of them, another one's request is answered at once. */
import assert from 'node:assert/strict'
import { type ClientRequest, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

/** What one integration may have open to one service or origin. */
const perIntegration = 256
const asked = perIntegration + 44

/** An integration that holds as many sockets as it gets, and another that asks once. */
async function arrange(t: TestContext) {
  let hanging = 0
  const origin = await startOrigin(t, {
    answer: (req, res) => {
      if (req.url === '/hang') hanging += 1
      else res.end('hello')
    },
  })
  const rights = `services: [{ name: slow }]
network: [{ hosts: [localhost], ports: [${origin.port}], tls: none, addresses: [127.0.0.0/8, "::1/128"] }]
limits: { concurrency: ${2 * asked} }`
  const installation = createInstallation(t, {
    config: `http: { originTimeout: 1h }\nservices: [{ name: slow, url: "http://127.0.0.1:${origin.port}", timeout: 1h }]\ndrainTimeout: 10ms`,
    manifests: { 'greedy.yaml': manifest('greedy', rights), 'weather.yaml': manifest('weather', rights) },
  })
  const { proxyPort } = await startHere(t, installation)
  const send = (name: string, path: string): ClientRequest => {
    const headers = { host: 'localhost', 'proxy-authorization': proxyHeader(name) }
    return request({ host: '127.0.0.1', port: proxyPort, path, headers, agent: false })
      .on('error', () => {})
      .end()
  }
  const statusOf = (name: string, path: string) =>
    new Promise<number | undefined>((resolve) => send(name, path).once('response', (res) => resolve(res.resume().statusCode)))
  const hold = async (path: string): Promise<void> => {
    hanging = 0
    const held = Array.from({ length: asked }, () => send('greedy', path))
    t.after(() => held.forEach((socket) => void socket.destroy()))
    await eventually('it holds all that it may', () => hanging >= perIntegration)
  }
  return { origin, statusOf, hold, hanging: () => hanging }
}

test('one integration that holds all its sockets to a service leaves another its own', async (t) => {
  const { statusOf, hold, hanging } = await arrange(t)
  await hold('/services/slow/hang')
  assert.equal(await statusOf('weather', '/services/slow/quick'), 200)
  assert.ok(hanging() < asked)
})

test('one integration that holds all its sockets to an origin leaves another its own', async (t) => {
  const { origin, statusOf, hold, hanging } = await arrange(t)
  const base = `http://localhost:${origin.port}`
  await hold(`${base}/hang`)
  assert.equal(await statusOf('weather', `${base}/quick`), 200)
  assert.ok(hanging() < asked)
})
