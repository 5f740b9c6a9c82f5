/** Sockets to services and origins: whatever one integration holds of them, another one's request is answered at once. */
import assert from 'node:assert/strict'
import { type ClientRequest, request } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from '../support/eventually.ts'
import { createInstallation, manifest, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

/** What one integration may have open to one service or origin. */
const perIntegration = 256
const asked = perIntegration + 44
const bodyBytes = 60_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

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
limits: { concurrency: ${2 * asked}, bytesOut: { rate: 1GB/s } }`
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
    t.after(() => held.forEach((one) => void one.destroy()))
    await eventually('it holds all that it may', () => hanging >= perIntegration)
  }
  /** Sends requests whose bodies are all there, and goes away once each was decided; resolves when each was settled. */
  const giveUp = async (path: string, count: number): Promise<void> => {
    const of = (type: string) => installation.records().filter((record) => record['type'] === type).length
    const [decided, settled] = [of('decided'), of('settled')]
    const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nProxy-Authorization: ${proxyHeader('greedy')}\r\nContent-Length: ${bodyBytes}\r\n\r\n`
    const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(bodyBytes)])
    const sockets = Array.from({ length: count }, () => {
      const socket = connect(proxyPort, '127.0.0.1', () => socket.write(bytes)).on('error', () => {})
      return socket
    })
    await eventually('all are decided', () => of('decided') >= decided + count)
    for (const socket of sockets) socket.destroy()
    await eventually('all are settled', () => of('settled') >= settled + count)
  }
  return { origin, statusOf, hold, giveUp, hanging: () => hanging }
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

test('a request that is given up while it waits for a socket keeps nothing of its body', async (t) => {
  const { origin, hold, giveUp } = await arrange(t)
  const held = () => {
    collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  for (const base of [`http://localhost:${origin.port}`, '/services/slow']) {
    await hold(`${base}/hang`)
    await giveUp(`${base}/hang`, 5)
    const before = held()
    await giveUp(`${base}/hang`, 100)
    await eventually(`${base}: the bodies are gone`, () => held() < before + 10 * bodyBytes)
  }
})
