/** The status service: what a control plane hears of a gateway, when it starts, when its policy changes, and when that fails. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { type Collector, startCollector } from '../support/collector.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, type Installation, startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

interface Told {
  readonly labels: Readonly<Record<string, string>>
  readonly bundles: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly plugins: unknown
  readonly decision_logs?: Readonly<Record<string, unknown>>
}

async function arrange(t: TestContext, more = '', delay = '1h') {
  const collector = await startCollector(t)
  const installation = createInstallation(t, {
    config: `drainTimeout: 100ms\npolicy: { rules: ./rules, servers: [{ name: control, url: "${collector.url}" }], labels: { region: eu }, status: { server: control, minDelay: ${delay}, maxDelay: ${delay} }${more} }`,
    manifests: { 'weather.yaml': grant() },
  })
  mkdirSync(join(installation.folder, 'rules'))
  return { collector, installation }
}

const last = (collector: Collector) => collector.statuses().at(-1) as Told | undefined
const rejects = (installation: Installation) =>
  installation.write(
    'rules/r.rego',
    rego`
      package sallyport.rules

      deny contains "x" if input.http.metod
    `,
  )

compilerTest('a start, a rejection and an activation are each told at once, as OPA tells them', async (t) => {
  const { collector, installation } = await arrange(t)
  const { gateway } = await startHere(t, installation)
  await collector.until(() => last(collector)?.bundles['local']?.['active_revision'] !== undefined)
  const started = last(collector) as Told
  assert.deepEqual(Object.keys(started), ['labels', 'bundles', 'plugins'])
  assert.deepEqual(Object.keys(started.labels), ['id', 'version', 'region'])
  assert.deepEqual(started.plugins, { bundle: { state: 'OK' }, status: { state: 'OK' } })
  const { active_revision, last_successful_activation, last_successful_download, last_successful_request, last_request, ...rest } =
    started.bundles['local'] ?? {}
  assert.deepEqual(rest, { name: 'local' })
  assert.match(String(active_revision), /^[0-9a-f]{12}-[0-9a-f]{12}$/)
  eachCase([last_successful_activation, last_successful_download, last_successful_request, last_request], (time) =>
    assert.ok(Date.parse(String(time)) > Date.parse('2026-01-01')),
  )
  const [upload] = collector.uploads
  assert.deepEqual(
    [upload?.url, upload?.headers['content-type'], upload?.headers['content-encoding']],
    ['/status', 'application/json', undefined],
  )

  rejects(installation)
  assert.equal((await gateway.reload()).ok, false)
  await collector.until(() => last(collector)?.bundles['local']?.['code'] === 'bundle_error')
  const rejected = last(collector)?.bundles['local'] ?? {}
  assert.equal(rejected['active_revision'], active_revision)
  assert.equal(rejected['message'], 'error(s) occurred while compiling module(s)')
  const [error] = rejected['errors'] as { code: string; message: string; location: object }[]
  assert.equal(error?.code, 'rego_type_error')
  assert.deepEqual(error?.location, { file: 'rules/r.rego', row: 3, col: 22 })

  installation.write(
    'rules/r.rego',
    rego`
      package sallyport.rules

      deny contains "x" if input.http.method == "PUT"
    `,
  )
  const { ok, revision } = await gateway.reload()
  assert.equal(ok, true)
  await collector.until(() => last(collector)?.bundles['local']?.['active_revision'] === revision)
  assert.equal(last(collector)?.bundles['local']?.['code'], undefined)
})

test('a status that could not be sent is sent as things stand when the server is back', async (t) => {
  const { collector, installation } = await arrange(t)
  collector.answers = [503, 'reset', 503]
  const { gateway, log } = await startHere(t, installation)
  installation.write('integrations/weather.yaml', grant().replace('owner: tests', 'owner: others'))
  await gateway.reload()
  await collector.until(() => collector.statuses().length > 0)
  assert.equal(collector.uploads.filter(({ status }) => status !== 200).length, 3)
  assert.ok(log.some((line) => line.includes('a report fails')))
})

test('the status is reported at intervals though nothing changes', async (t) => {
  const { collector, installation } = await arrange(t, '', '1ms')
  await startHere(t, installation)
  await collector.until(() => collector.statuses().length > 3)
})

test('the status is reported once more when the gateway ends', async (t) => {
  const { collector, installation } = await arrange(t)
  const { gateway } = await startHere(t, installation)
  await collector.until(() => collector.statuses().length > 0)
  const before = collector.statuses().length
  await gateway.close()
  assert.ok(collector.statuses().length > before)
})

test('the status says how the decision log fares', async (t) => {
  const { collector, installation } = await arrange(t, ', decisionLog: { server: control, minDelay: 1ms, maxDelay: 1ms }')
  const { gateway } = await startHere(t, installation)
  await collector.until(() => last(collector)?.decision_logs !== undefined)
  const { decision_logs, plugins } = last(collector) as Told
  assert.deepEqual(plugins, { bundle: { state: 'OK' }, decision_logs: { state: 'OK' }, status: { state: 'OK' } })
  assert.equal(decision_logs?.['code'], undefined)
  const counters = decision_logs?.['metrics'] as Record<string, number> | undefined
  assert.equal(counters?.['counter_decision_logs_uploaded'], 0)
  await gateway.close()
})

compilerTest('a secret in the reason of a rejection is masked', async (t) => {
  process.env['TEST_STATUS_SECRET'] = 'status_secret_value'
  const { collector, installation } = await arrange(t)
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}services: [{ name: chat, url: "http://127.0.0.1:9", headers: { x-api: { env: TEST_STATUS_SECRET } } }]\n`,
  )
  const { gateway } = await startHere(t, installation)
  installation.write(
    'rules/r.rego',
    rego`
      package sallyport.rules

      deny contains "x" if status_secret_value(1)
    `,
  )
  assert.equal((await gateway.reload()).ok, false)
  await collector.until(() => last(collector)?.bundles['local']?.['code'] === 'bundle_error')
  const told = JSON.stringify(collector.uploads)
  assert.match(told, /undefined function \[redacted\]/)
  assert.ok(!told.includes('status_secret_value'))
})
