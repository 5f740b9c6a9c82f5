/** Bundles and reports together: whose revision decided, how a bundle stands, and masks that come in one. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { buildBundle } from '../../src/authoring/index.ts'
import { createCompile } from '../../src/opa/index.ts'
import { startBundleGateway } from '../support/bundle-gateway.ts'
import { startBundleServer } from '../support/bundle-server.ts'
import { bundleOf, type Files } from '../support/bundles.ts'
import { eachCase } from '../support/cases.ts'
import { type Collector, startCollector } from '../support/collector.ts'
import { eventually } from '../support/eventually.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const deny = rego`
  package sallyport.rules

  deny contains "closed" if input.http.path == "/closed"
`
const mask = rego`
  package system.log

  mask contains path if some path in data.hidden
`

async function arrange(t: TestContext, bytes: Uint8Array) {
  const [server, collector] = [await startBundleServer(t), await startCollector(t)]
  server.publish('acme', bytes)
  const places = `servers: [{ name: opa, url: "${server.url}" }, { name: control, url: "${collector.url}" }]`
  const bundles = 'bundles: [{ name: acme, server: opa, polling: { minDelay: 20ms, maxDelay: 40ms } }]'
  const reports = 'decisionLog: { server: control, minDelay: 1ms, maxDelay: 1ms }, status: { server: control, minDelay: 1h, maxDelay: 1h }'
  const gateway = await startBundleGateway(t, `{ ${places}, ${bundles}, ${reports} }`)
  await eventually('the gateway is ready', gateway.ready)
  return { server, collector, gateway }
}

const plain = (revision: string, more: Files) =>
  bundleOf({ '.manifest': { revision, roots: ['sallyport/rules', 'system/log', 'hidden'] }, ...more })
const acme = (collector: Collector) => {
  const bundles = collector.statuses().at(-1)?.['bundles'] as Record<string, Record<string, unknown>> | undefined
  return bundles?.['acme']
}

test('a bundle’s masks are applied, its revision stands in events, and the status tells of it, good and bad', async (t) => {
  const { server, collector, gateway } = await arrange(
    t,
    await plain('r1', { 'rules.rego': deny, 'mask.rego': mask, 'hidden/data.json': ['/input/http/path'] }),
  )
  assert.equal(await gateway.get('/closed'), 403)
  await collector.until(() => collector.events().length === 1)
  const [event] = collector.events()
  const { revision } = await gateway.status()
  assert.deepEqual(event?.['bundles'], { local: { revision }, acme: { revision: 'r1' } })
  assert.deepEqual(event?.['erased'], ['/input/http/path'])
  await collector.until(() => acme(collector)?.['active_revision'] === 'r1')
  const { last_successful_activation, last_successful_download, last_successful_request, last_request, size, ...rest } =
    acme(collector) ?? {}
  assert.deepEqual(rest, { name: 'acme', active_revision: 'r1', type: 'snapshot' })
  assert.ok(Number(size) > 0)
  eachCase([last_successful_activation, last_successful_download, last_successful_request, last_request], (time) =>
    assert.ok(Date.parse(String(time)) > Date.parse('2026-01-01')),
  )

  server.publish(
    'acme',
    await plain('r2', {
      'rules.rego': rego`
        package sallyport.rules

        deny contains
      `,
    }),
  )
  await collector.until(() => acme(collector)?.['code'] === 'bundle_error')
  assert.equal(acme(collector)?.['active_revision'], 'r1')
  assert.match(String(acme(collector)?.['message']), /rules\.rego:/)

  server.misbehave((_req, res) => void res.writeHead(502).end())
  await collector.until(() => acme(collector)?.['http_code'] === 502)

  server.misbehave(null)
  server.publish('acme', await plain('r3', { 'rules.rego': deny }))
  await collector.until(() => acme(collector)?.['active_revision'] === 'r3' && acme(collector)?.['code'] === undefined)
  await gateway.get('/closed')
  await collector.until(() => collector.events().length === 2)
  const last = collector.events()[1]
  const revisions = last?.['bundles'] as Record<string, unknown> | undefined
  assert.deepEqual(revisions?.['acme'], { revision: 'r3' })
  assert.equal(last?.['erased'], undefined)
})

test('masks of a bundle that brings its policy as WebAssembly are applied as well', async (t) => {
  const rules = {
    'rules.rego': deny,
    'mask.rego': rego`
      package system.log

      mask contains "/input/http/path" if denied

      denied if input.result.rule == "rules/deny"
    `,
  }
  const { bytes } = await buildBundle(createCompile(), rules, { revision: 'w1' })
  const { collector, gateway } = await arrange(t, bytes)
  assert.equal(await gateway.get('/closed'), 403)
  await collector.until(() => collector.events().length === 1)
  assert.deepEqual(collector.events()[0]?.['erased'], ['/input/http/path'])
})
