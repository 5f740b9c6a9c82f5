/** OPA's own SDK beside a running gateway: who is told of a difference, and what it never touches. */

import assert from 'node:assert/strict'
import { startFailure } from '../../src/cli/exit.ts'
import { harden } from '../../src/opa/index.ts'
import { ask, installationWithRules, sallyport } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { type Installation, type Running, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const rules = rego`
  package sallyport.rules

  import rego.v1

  deny contains "no" if input.http.segments[0] == "hidden-door"
`
const tests = rego`
  package sallyport.rules_test

  import rego.v1

  test_denied if {
    count(data.sallyport.rules.deny) == 1 with input as {"integration": {"name": "weather"}, "http": {"segments": ["hidden-door"], "path": "/hidden-door?token=s3cret-in-a-test"}}
  }
`
/** The gateway's evaluator does not know the door any more. */
const damaged = {
  harden(wasm: Uint8Array) {
    const bytes = Buffer.from(harden(wasm))
    const at = bytes.indexOf('hidden-door')
    if (at >= 0) bytes.write('hidden-d00r', at)
    return bytes
  },
}

const metricsOf = async ({ gateway }: Running) => (await fetch(`http://${gateway.health.host}:${gateway.health.port}/metrics`)).text()
const recordsOf = (installation: Installation, type: string) => installation.records().filter((record) => record['type'] === type)

test('a difference while requests are decided is an error, a record and a metric, and the request is answered', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  installation.write('rules/r.rego', rules)
  installation.write(
    'sallyport.yaml',
    installation.read('sallyport.yaml').replace('rules: ./rules', 'rules: ./rules, reference: { perSecond: 100 }'),
  )
  const running = await startHere(t, installation, damaged)
  assert.match(String(recordsOf(installation, 'activated')[0]?.['reference']), /^[1-9]\d* inputs checked, 0 skipped$/)

  const asked = await eventually('a decision of the sample differs', async () => {
    const answer = await ask(running.proxyPort, origin.port, '/hidden-door?token=s3cret-of-a-caller')
    assert.equal(answer.status, 200)
    return recordsOf(installation, 'reference').length > 0 ? answer : null
  })
  assert.equal(asked.status, 200)
  const [record] = recordsOf(installation, 'reference')
  assert.equal(record?.['integration'], 'weather')
  assert.match(String(record?.['gateway']), /"allow":true/)
  assert.match(String(record?.['sdk']), /"allow":false/)
  assert.match(String(record?.['input']), /hidden-door/)
  const told = running.log.find((line) => line.includes('answer differently')) ?? ''
  assert.equal((JSON.parse(told) as { level: unknown }).level, 'error')
  const metrics = await metricsOf(running)
  assert.match(metrics, /^sallyport_policy_reference_differences_total [1-9]/m)
  assert.match(metrics, /^sallyport_policy_reference_checked_total [1-9]/m)
  assert.match(metrics, /^sallyport_policy_reference_skipped_total\{reason="sdk-function"\} 0$/m)
  assert.doesNotMatch(JSON.stringify(installation.records()) + running.log.join(''), /s3cret-of-a-caller/)

  // A set that the two decide differently is rejected, and the last good one stays.
  const { revision } = await running.gateway.reload()
  installation.write('rules/r_test.rego', tests)
  const rejected = await running.gateway.reload()
  assert.deepEqual([rejected.ok, rejected.revision], [false, revision])
  assert.match(rejected.problem ?? '', /answer differently.*The gateway: .*"allow":.*The SDK: .*hidden-door/s)
  assert.doesNotMatch(rejected.problem ?? '', /s3cret-in-a-test/)
  assert.equal((await ask(running.proxyPort, origin.port, '/a')).status, 200)
})

test('a start with such a set ends as one with any other bad set, and with the reference off it is not looked at', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(1)] }) })
  installation.write('rules/r.rego', rules)
  installation.write('rules/r_test.rego', tests)
  await assert.rejects(startHere(t, installation, damaged), (error: Error) => {
    assert.equal(error.name, 'ReferenceDifference')
    assert.equal((startFailure(error) as { exitCode: unknown }).exitCode, 78)
    return true
  })
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('rules: ./rules', 'rules: ./rules, reference: off'))
  const running = await startHere(t, installation, damaged)
  assert.equal(recordsOf(installation, 'activated')[0]?.['reference'], 'off')
  assert.doesNotMatch(await metricsOf(running), /policy_reference/)
})

test('replay --reference asks the SDK about every recorded request, and says what was compared', async (t) => {
  const origin = await startOrigin(t, { answer: (_req, res) => void res.end('hello') })
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) })
  installation.write('rules/r.rego', rules)
  const { gateway, proxyPort } = await startHere(t, installation)
  await eachCase(['/a', '/hidden-door', '/b'], (path) => ask(proxyPort, origin.port, path))
  await gateway.close()
  const { code, stdout } = await sallyport(installation, 'replay', '--reference')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^3 decisions against latest .*, 0 differ\nOPA's SDK: 3 inputs checked, 0 skipped, 0 differ\n$/)
  const { stdout: json } = await sallyport(installation, 'replay', '--reference', '--json')
  assert.deepEqual((JSON.parse(json) as { reference: unknown }).reference, { checked: 3, skipped: {}, differences: [] })
})
