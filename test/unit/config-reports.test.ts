/** What sallyport.yaml may say of decision logs, status and the reference. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Config, loadConfig } from '../../src/config/index.ts'
import { createFolder, problemsOf } from '../support/folder.ts'

const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'
const server = 'servers: [{ name: control, url: "https://control.example" }]'

function arrange(t: TestContext, policy: string): { folder: string; load: () => Config } {
  const folder = createFolder(t, { 'sallyport.yaml': `${head}policy: { ${policy} }\n` })
  return { folder, load: () => loadConfig(join(folder, 'sallyport.yaml'), {}) }
}

test('nothing is reported unless it is asked for', (t) => {
  const { decisionLog, status, labels } = arrange(t, server).load().policy
  assert.deepEqual([decisionLog, status, labels], [null, null, {}])
})

test('a report needs only its server: everything else has a default', (t) => {
  const { decisionLog, status } = arrange(t, `${server}, decisionLog: { server: control }, status: { server: control }`).load().policy
  assert.deepEqual(decisionLog, {
    server: 'control',
    resource: '/logs',
    minDelayMs: 5000,
    maxDelayMs: 10_000,
    maxUploadBytes: 32_768,
    maxBufferBytes: 16 * 1024 * 1024,
    maxDecisionsPerSecond: null,
    maxEvaluationMs: 5,
  })
  assert.deepEqual(status, { server: 'control', resource: '/status', minDelayMs: 30_000, maxDelayMs: 60_000 })
})

const bad: Readonly<Record<string, RegExp>> = {
  'decisionLog: { server: contrl }': /policy\.decisionLog\.server: policy\.servers has no "contrl".*"control"/,
  'status: { server: other }': /policy\.status\.server: policy\.servers has no "other" \(known: control\)/,
  'decisionLog: { server: control, minDelay: 2s, maxDelay: 1s }': /policy\.decisionLog: minDelay is longer than maxDelay/,
  'decisionLog: { server: control, uploadSizeLimit: 10 }': /uploadSizeLimit: expected a size between 256/,
  'decisionLog: { server: control, maxDecisionsPerSecond: 0 }': /maxDecisionsPerSecond/,
  'decisionLog: { server: control, mask: x }': /policy\.decisionLog\.mask: unknown key/,
  'labels: { id: x }': /"id" and "version" are the gateway’s own/,
  'labels: { "a b": x }': /expected a name of letters/,
}

for (const [policy, message] of Object.entries(bad)) {
  test(`refuses ${policy}`, async (t) => {
    const { folder, load } = arrange(t, `${server}, ${policy}`)
    assert.match((await problemsOf(folder, load)).join('\n'), message)
  })
}

test('one decision per second is compared with the SDK by default', (t) => {
  const given = (reference: string) => arrange(t, reference).load().policy.reference
  assert.deepEqual(given(''), { perSecond: 1 })
  assert.deepEqual(given('reference: {}'), { perSecond: 1 })
  assert.deepEqual(given('reference: { perSecond: 0.1 }'), { perSecond: 0.1 })
  assert.equal(given('reference: off'), null)
})

for (const [given, expected] of Object.entries({
  on: /policy\.reference: expected "off", or how many decisions per second are compared: \{ perSecond: 1 \}/,
  false: /policy\.reference: expected "off", or/,
  '{ perSecond: 0 }': /policy\.reference\.perSecond: expected at least 0\.01/,
  '{ perSecond: 1000 }': /policy\.reference\.perSecond: expected at most 100/,
  '{ persecond: 1 }': /policy\.reference\.persecond: unknown key; did you mean "perSecond"/,
}))
  test(`reference: ${given} is refused, and the message says what was expected`, (t) => {
    assert.throws(arrange(t, `reference: ${given}`).load, expected)
  })
