/** Memory stays flat however often many manifests are scraped: `npm run soak` scrapes ten thousand of them ten thousand times. */

import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { usedBytes } from '../support/used-bytes.ts'

const integrations = Number(process.env['SALLYPORT_SCRAPED_INTEGRATIONS'] ?? 200)
const scrapes = Number(process.env['SALLYPORT_SCRAPES'] ?? 100)
const asked = Math.ceil(integrations / 100)
/** Caches are full by then. */
const warm = Math.floor(scrapes / 5)
/** Of the rest of the process some is kept in hand, more or less from one look to the next. */
const maxGrowthBytes = 2 * 1024 ** 2

async function startScraped(t: TestContext) {
  const names = Array.from({ length: integrations }, (_, index) => `i${index}`)
  const manifests = Object.fromEntries(names.map((name) => [`${name}.yaml`, grant({ name })]))
  const { gateway, proxyPort } = await startHere(t, createInstallation(t, { manifests }))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  /** How many characters the answer has. */
  const read = (port: number, path: string, headers = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ agent, host: '127.0.0.1', port, path, headers }, (res) => {
        let length = 0
        res.on('data', (chunk: Buffer) => {
          length += chunk.byteLength
        })
        res.on('end', () => resolve(length))
        res.on('error', reject)
      }).on('error', reject)
    })
  return {
    scrape: () => read(gateway.health.port, '/metrics'),
    ask: (name: string) => read(proxyPort, 'http://localhost:1/', { host: 'localhost:1', 'proxy-authorization': proxyHeader(name) }),
    names,
  }
}

test('a manifest that is scraped again and again leaves nothing behind', async (t) => {
  const { scrape, ask, names } = await startScraped(t)
  await eachCase(names.slice(0, asked), async (name) => {
    await ask(name)
  })
  const scrapeOnce = async () => assert.ok((await scrape()) > integrations * 500)
  await times(warm, scrapeOnce)
  const before = await usedBytes()
  await times(scrapes - warm, scrapeOnce)
  t.diagnostic(
    `after ${scrapes} scrapes ${Math.round((await usedBytes()) / 1024)} KiB, resident ${Math.round(process.memoryUsage.rss() / 1024)} KiB`,
  )
  const grown = (await usedBytes()) - before
  t.diagnostic(`${scrapes - warm} scrapes of ${integrations} manifests left ${Math.round(grown / 1024)} KiB behind`)
  assert.ok(grown < maxGrowthBytes, `${grown} bytes`)
})
