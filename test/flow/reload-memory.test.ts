/** Memory stays flat however often manifests change: `npm run soak` changes one among a thousand ten thousand times. */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { times } from '../support/cases.ts'
import { createInstallation, manifest, portOf, proxyHeader } from '../support/installation.ts'
import { usedBytes } from '../support/used-bytes.ts'

const changes = Number(process.env['SALLYPORT_RELOADS'] ?? 80)
const integrations = Number(process.env['SALLYPORT_RELOAD_INTEGRATIONS'] ?? 20)
/** Caches are full by then. */
const warm = Math.floor(changes / 5)
/** Each change left 147 KiB behind. Of the rest of the process some is kept in hand, more or less from one look to the next. */
const maxGrowthBytes = 4 * 1024 ** 2 + changes * 1024

const rest = (note: number) =>
  `labels: { note: "${note}" }\nnetwork:\n${Array.from({ length: 20 }, (_, index) => `  - { hosts: [api${index}.example.com], methods: [GET, POST], paths: ["/v1/items${index}/**", "/v2/*/things${index}"], tls: intercept }`).join('\n')}`

async function startAsked(t: TestContext) {
  const installation = createInstallation(t, {
    config: 'limits: { arrivals: { rate: 100000/s, burst: 100000 }, requests: { rate: 100000/s, burst: 100000 } }',
    manifests: Object.fromEntries(Array.from({ length: integrations }, (_, index) => [`i${index}.yaml`, manifest(`i${index}`, rest(0))])),
  })
  const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write() {} } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(async () => {
    agent.destroy()
    await gateway.close()
  })
  /** Is denied, for which its manifest is put into the policy's memory. */
  const ask = (name: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host: 'localhost:1', 'proxy-authorization': proxyHeader(name) }
      request({ agent, host: '127.0.0.1', port: portOf(gateway), path: 'http://localhost:1/', headers }, (res) =>
        res.resume().on('end', () => resolve(res.statusCode ?? 0)),
      )
        .on('error', reject)
        .end()
    })
  return { installation, gateway, ask }
}

test('a manifest that changes again and again leaves nothing behind', async (t) => {
  const { installation, gateway, ask } = await startAsked(t)
  await times(integrations, async (index) => {
    assert.equal(await ask(`i${index}`), 403)
  })
  const change = async (round: number) => {
    installation.write('integrations/i0.yaml', manifest('i0', rest(round)))
    const { ok } = await gateway.reload()
    assert.ok(ok)
    assert.equal(await ask('i0'), 403)
  }
  await times(warm, change)
  const before = await usedBytes()
  await times(changes - warm, (round) => change(warm + round))
  t.diagnostic(`after ${changes} changes ${(await usedBytes()) / 1024} KiB, resident ${process.memoryUsage.rss() / 1024} KiB`)
  const grown = (await usedBytes()) - before
  t.diagnostic(`${changes - warm} changes of one manifest among ${integrations} left ${Math.round(grown / 1024)} KiB behind`)
  assert.ok(grown < maxGrowthBytes, `${grown} bytes`)
})
