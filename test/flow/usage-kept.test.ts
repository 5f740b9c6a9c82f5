/** What is counted of usage outlives a restart, and nothing of it is in a request's way. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { IntegrationUsage } from '../../src/usage/index.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, main, portOf, proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

async function arrange(t: TestContext) {
  const origin = await startOrigin(t)
  const weather = grant({ network: [toLocalhost(origin.port)] })
  const installation = createInstallation(t, { manifests: { 'weather.yaml': weather, 'other.yaml': grant({ name: 'other' }) } })
  const folder = join(installation.folder, 'state/usage')
  const log: string[] = []
  const start = async () => {
    const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write: (line) => void log.push(line) } })
    t.after(() => gateway.close())
    const ask = async (count: number, token = proxyHeader('weather')) => {
      const at = `localhost:${origin.port}`
      const request = `GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: ${token}\r\nConnection: close\r\n\r\n`
      for (let asked = 0; asked < count; asked += 1) await exchangeRaw(portOf(gateway), request)
    }
    return { gateway, ask }
  }
  const usageOf = async (name: string) => {
    const { body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/usage')
    return (body as IntegrationUsage[]).find(({ integration }) => integration === name)
  }
  return { installation, folder, log, start, usageOf }
}

test('usage goes on counting after a restart: requests, bytes, latency, buckets, callers without an integration', async (t) => {
  const { installation, start, usageOf } = await arrange(t)
  const first = await start()
  await first.ask(3)
  await first.ask(1, 'Bearer none')
  await first.ask(2, proxyHeader('other'))
  await first.gateway.close()
  const second = await start()
  const before = await usageOf('weather')
  await second.ask(2)
  await second.gateway.close()
  assert.equal(before?.requests.allowed, 3)
  assert.equal(before.receivedBytes, 15)
  assert.ok((before.latencyMs?.max ?? 0) > 0)
  await start()
  const after = await usageOf('weather')
  assert.equal(after?.requests.allowed, 5)
  assert.equal(after.since, before.since)
  const requests = after.buckets.find(({ bucket }) => bucket === 'requests')
  assert.deepEqual([requests?.consumed, requests?.allowed], [5, 5])
  assert.equal((await usageOf('-'))?.problems.unidentified, 1)
  assert.equal((await usageOf('other'))?.requests.denied, 2)
  const { stdout } = await command(process.execPath, [main, 'usage', '--config', installation.configFile])
  assert.match(stdout, /^weather\n {2}since {5}\d{4}-\d\d-\d\d \d\d:\d\d UTC\n {2}requests {2}5 allowed/m)
})

test('metrics count from the start of the process, as Prometheus expects of a restart', async (t) => {
  const { start } = await arrange(t)
  const first = await start()
  await first.ask(3)
  await first.gateway.close()
  const { gateway } = await start()
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  assert.match(metrics, /^sallyport_requests_total\{integration="weather",result="allowed"\} 0$/m)
})

test('usage of an integration whose manifest is gone is forgotten', async (t) => {
  const { installation, folder, start } = await arrange(t)
  const first = await start()
  await first.ask(1)
  await first.ask(1, proxyHeader('other'))
  await first.gateway.close()
  unlinkSync(join(installation.folder, 'integrations/other.yaml'))
  const second = await start()
  await second.ask(1)
  await second.gateway.close()
  const kept = readFileSync(join(folder, 'totals.jsonl'), 'utf8')
  assert.match(kept, /"weather"/)
  assert.doesNotMatch(kept, /"other"/)
})

test('a file that is damaged is set aside with a message, and usage is counted from zero', async (t) => {
  const { installation, folder, log, start, usageOf } = await arrange(t)
  const first = await start()
  await first.ask(1)
  await first.gateway.close()
  const whole = installation.read('state/usage/totals.jsonl')
  await eachCase(
    ['', '{', 'null', whole.slice(0, -20), whole.replace('"version":1', '"version":2'), whole.replace('"allowed":1', '"allowed":-1')],
    async (damaged) => {
      installation.write('state/usage/totals.jsonl', damaged)
      log.length = 0
      const { gateway, ask } = await start()
      assert.match(log.join(''), /totals\.jsonl is not what a gateway keeps of usage; it is now .*totals\.jsonl\.damaged/, damaged)
      assert.equal(installation.read('state/usage/totals.jsonl.damaged'), damaged)
      assert.equal((await usageOf('weather'))?.requests.allowed, 0)
      await ask(1)
      await gateway.close()
      assert.equal(installation.read('state/usage/totals.jsonl').match(/"allowed":1/g)?.length, whole.match(/"allowed":1/g)?.length)
    },
  )
  assert.deepEqual(readdirSync(folder).toSorted(), ['totals.jsonl', 'totals.jsonl.damaged'])
})

test('where usage cannot be kept, that is said once, and requests go on', async (t) => {
  const { installation, folder, log, start, usageOf } = await arrange(t)
  const { gateway, ask } = await start()
  rmSync(folder, { recursive: true })
  installation.write('state/usage', 'a file')
  await ask(2)
  await eventually('both are counted', async () => (await usageOf('weather'))?.requests.allowed === 2)
  await gateway.close()
  assert.equal(log.filter((line) => line.includes('usage cannot be kept in')).length, 1)
})
