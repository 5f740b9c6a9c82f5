/** A kill switch that cannot be recorded or said: it is in force all the same, and the gateway says that something is wrong. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, exchangeRaw, portOf, proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

test('a kill whose report fails is in force, is tried again, and keeps the gateway from being ready; the process goes on', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, { manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) } })
  const fault = { isThere: false }
  const lines: string[] = []
  const write = (line: string) => {
    if (fault.isThere && /an integration is killed now|the kill switch is on/.test(line)) throw new Error('the log takes nothing')
    lines.push(line)
  }
  const gateway = await startGateway(loadConfig(installation.configFile), { logTo: { write } })
  t.after(() => gateway.close())
  const at = `localhost:${origin.port}`
  const ask = () =>
    exchangeRaw(
      portOf(gateway),
      `GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )
  const readiness = async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway.health.port}/readyz`)
    return `${answer.status} ${((await answer.json()) as { checks: { killSwitch: boolean } }).checks.killSwitch}`
  }
  assert.match(await ask(), / 200 /)
  fault.isThere = true
  installation.write('state/kill', 'weather\n')
  await eventually('it is not ready', async () => (await readiness()) === '503 false')
  assert.match(await ask(), / 403 /)
  const said = lines.filter((line) => line.includes('the kill switch cannot be put in force whole'))
  assert.ok(said.length > 0 && said.every((line) => line.includes('"level":"fatal"')))
  fault.isThere = false
  await eventually('it is ready', async () => (await readiness()) === '200 true')
  const { body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/containment')
  assert.partialDeepStrictEqual(body, { integrations: [{ integration: 'weather', state: 'killed', by: 'kill-file' }] })
  assert.match(installation.read('state/containment.json'), /"killed"/)
})
