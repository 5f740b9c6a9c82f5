/** The gateway's evaluator held to OPA's own SDK: where they agree, what is a difference, and what is left out and why. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { AccessRequest, Claim, Integration, JsonObject } from '../../src/core/index.ts'
import { createIntegrationRegistry } from '../../src/manifests/index.ts'
import { createCompile, harden } from '../../src/opa/index.ts'
import { createPolicy } from '../../src/policy/index.ts'
import { createReference, createSdk, inputsInTests } from '../../src/reference/index.ts'
import { type Disagreement, ReferenceDifference } from '../../src/reference/reference.ts'
import { keyOf, readValue } from '../../src/reference/value-key.ts'
import { eachCase } from '../support/cases.ts'
import { composed } from '../support/composed.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { blocks } from '../support/guide.ts'
import { manifest, root } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const compile = createCompile()

interface Held {
  readonly differences: Disagreement[]
  readonly skipped: string[]
  readonly checked: () => number
  readonly pid: () => number | undefined
  settled(): Promise<void>
  /** The summary of the activation. */
  activate(rules: Readonly<Record<string, string>>): Promise<{ checked: number; skipped: object } | null>
  decide(facts: JsonObject): string
}

async function hold(
  t: TestContext,
  { integrations = '', damage = (wasm: Uint8Array) => wasm, recorded = async (): Promise<readonly unknown[]> => [] } = {},
): Promise<Held> {
  const weather = manifest('weather', 'network: [{ hosts: [api.example.com], paths: [/v1/**] }]')
  const registry = createIntegrationRegistry(
    integrations === '' ? createFolder(t, { 'weather.yaml': weather }) : integrations,
    smallDefaults,
  )
  const known: readonly Integration[] = (await registry.read()).integrations
  const sdk = createSdk({ maxQuestionMs: 1000, maxMs: 60_000 })
  const differences: Disagreement[] = []
  const skipped: string[] = []
  let checked = 0
  const reference = createReference({
    sdk,
    recorded,
    perSecond: 1_000_000,
    redact: { text: (text) => text, document: (value) => value },
    maxWaiting: 100,
    onChecked: () => {
      checked += 1
    },
    onSkipped: (reason) => void skipped.push(reason),
    onDifference: (difference) => void differences.push(difference),
    onError: (error) => assert.fail(error as Error),
  })
  t.after(() => reference.close())
  const policy = createPolicy({
    cacheFolder: null,
    ...{ compile, referenceEvaluator: reference },
    maxMemoryPages: 1600,
    maxEvaluationMs: 2000,
    readContext: () => ({ usage: {}, breaker: 'closed', containment: 'normal', quarantine: false, anomaly: 0 }),
    harden: (wasm) => damage(harden(wasm)),
    onFailure: () => {},
  })
  return {
    differences,
    skipped,
    checked: () => checked,
    pid: sdk.pid,
    settled: reference.settled,
    async activate(rules) {
      ;(await policy.prepare(composed({ integrations: known, rules }))).activate()
      return policy.compared()
    },
    decide(facts) {
      const integration = known[0] as Integration
      const request = { kind: 'http', id: 'r1', door: 'proxy', at: 0, integration, identity: 'token', action: 'GET' }
      const asked = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/a', segments: ['v1', 'a'], ...facts }
      const claim = { facts: asked, subject: {}, origin: null }
      return policy.decide(request as unknown as AccessRequest, claim as unknown as Claim)?.rule ?? 'needs the body'
    },
  }
}

/** The same policy, in which one text is another. */
function replacing(text: string, other: string): (wasm: Uint8Array) => Uint8Array {
  return (wasm) => {
    const bytes = Buffer.from(wasm)
    const at = bytes.indexOf(text)
    assert.ok(at >= 0 && text.length === other.length)
    bytes.write(other, at)
    return bytes
  }
}

const rule = (body: string) => ({
  'r.rego': rego`
    package sallyport.rules

    import rego.v1

    ${body}
  `,
})

compilerTest('the SDK agrees on the default policy, on the quick start and on every rule of the guide', async (t) => {
  const held = await hold(t, { integrations: `${root}/examples/quickstart/integrations` })
  const plain = await held.activate({})
  assert.ok((plain?.checked ?? 0) >= 10)
  const rules = blocks.filter(
    ({ language, text }) => language === 'rego' && text.includes('package sallyport.rules') && !text.includes('http.send'),
  )
  const pages = Map.groupBy(rules, ({ page }) => page)
  assert.ok(pages.size > 1)
  await eachCase(pages, async ([page, ofPage]) => {
    const compared = await held.activate(Object.fromEntries(ofPage.map(({ line, file, text }) => [file ?? `${page}:${line}.rego`, text])))
    assert.ok((compared?.checked ?? 0) >= 10, page)
  })
  assert.deepEqual(held.differences, [])
})

test('a policy whose rewritten WebAssembly is damaged is not activated, and the error shows both answers and the input', async (t) => {
  const held = await hold(t, { damage: replacing('default/deny', 'default/dent') })
  await assert.rejects(held.activate({}), (error: Error) => {
    assert.ok(error instanceof ReferenceDifference)
    assert.match(error.message, /The gateway: .*The SDK: .*default\/.*Integration: weather\. Input: \{.*"request"/s)
    return true
  })
  assert.ok(held.differences.length > 0)
})

compilerTest('constants of every spelling reject no policy: what the SDK holds for other numbers is skipped and counted', async (t) => {
  const spellings = [
    '443.0',
    '4.43e2',
    '44300e-2',
    '443',
    '-0',
    '0.0',
    '1e400',
    '1e-400',
    '9007199254740993',
    '9223372036854775808',
    '4294967296',
  ]
  const rules = spellings.flatMap((spelling, index) => [
    `by_key_${index} := {${spelling}: "hit"}[input.http.port]`,
    `in_set_${index} if input.http.port in {${spelling}, "other"}`,
    `at_place_${index} := input.http.segments[${/^\d{1,18}$/.test(spelling) ? spelling : 1}]`,
    `deny contains "key ${index}" if by_key_${index}`,
    `deny contains "set ${index}" if in_set_${index}`,
    `deny contains "place ${index}" if at_place_${index}`,
    `deny contains "equal ${index}" if input.http.port == ${spelling}`,
    `deny contains "less ${index}" if input.http.port < ${spelling}`,
  ])
  const held = await hold(t)
  const compared = await held.activate(rule(rules.join('\n\n')))
  assert.deepEqual(held.differences, [])
  assert.deepEqual(Object.keys(compared?.skipped ?? {}), ['number'])
  assert.match(held.decide({}), /^rules\/deny/)
  await held.settled()
  assert.deepEqual(held.differences, [])
})

compilerTest('damage that only the policy’s own tests reach is found by their inputs', async (t) => {
  const denying = rule('deny contains "no" if input.http.segments[0] == "hidden-door"')
  const tests = {
    'r_test.rego': rego`
      package sallyport.rules_test

      import rego.v1

      test_denied if {
        count(data.sallyport.rules.deny) == 1 with input as {
          "integration": {"name": "weather"}, "http": {"host": "api.example.com", "segments": ["hidden-door", "}"],},
        }
      }
    `,
  }
  const held = await hold(t, { damage: replacing('hidden-door', 'hidden-d00r') })
  await held.activate(denying)
  await assert.rejects(held.activate({ ...denying, ...tests }), ReferenceDifference)
})

const decided = {
  ...{ type: 'decided', id: 'r0', time: '2026-01-01T00:00:00.000Z', door: 'proxy', integration: 'weather', identity: 'token' },
  ...{ kind: 'http', action: 'GET', allow: true, rule: 'default/network[0]', revision: 'r' },
}
const target = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET' }

compilerTest('damage that only a recorded request reaches is found by it, with parts that are masked beside it', async (t) => {
  const denying = rule('deny contains "no" if input.http.segments[0] == "hidden-door"')
  const records: unknown[] = [null, { type: 'decided' }, { ...decided, subject: { ...target, path: '/v1/[redacted]' } }]
  const held = await hold(t, { damage: replacing('hidden-door', 'hidden-d00r'), recorded: async () => records })
  const before = await held.activate(denying)
  records.push({ ...decided, rule: 'rules/deny', allow: false, subject: { ...target, path: '/hidden-door/a', query: 'key=[redacted]' } })
  await assert.rejects(held.activate(denying), (error: Error) => {
    assert.ok(error instanceof ReferenceDifference)
    assert.match(error.message, /Input: .*hidden-door/)
    return true
  })
  assert.ok((before?.checked ?? 0) > 0)
})

test('records that cannot be read, or not in time, hold up no activation', async (t) => {
  await eachCase([() => Promise.reject(new Error('EIO')), () => new Promise<never>(() => {})], async (recorded) => {
    const held = await hold(t, { recorded })
    assert.ok(((await held.activate({}))?.checked ?? 0) > 0)
  })
})

compilerTest('a decision that differs is found while requests are decided, and the request is decided all the same', async (t) => {
  const held = await hold(t, { damage: replacing('hidden-door', 'hidden-d00r') })
  await held.activate(rule('deny contains "no" if input.http.segments[0] == "hidden-door"'))
  held.decide({ segments: ['a'] })
  await held.settled()
  assert.equal(held.differences.length, 0)
  assert.match(held.decide({ segments: ['hidden-door'] }), /^default\/network/)
  await held.settled()
  const difference = held.differences.at(0)
  assert.equal(difference?.id, 'r1')
  assert.match(difference?.gateway ?? '', /"allow":true/)
  assert.match(difference?.sdk ?? '', /"allow":false.*rules\/deny/)
  assert.match(difference?.input ?? '', /hidden-door/)
})

/** Rules, what is asked, and why the comparison is left out; each would be taken for a difference otherwise. */
const leftOut = {
  'a function of the SDK’s own that answers otherwise than OPA': {
    body: 'deny contains sprintf("%v", [[1, 2]]) if input.http.segments[0] == "x"',
    reason: 'sdk-function',
  },
  'a function that failed, on which the gateway denies': {
    body: 'deny contains "no" if { input.http.segments[0] == "x"; not to_number(input.http.segments[1]) > 1 }',
    reason: 'function',
  },
  'equal numbers in another spelling': {
    body: 'deny contains "no" if { input.http.segments[0] == "x"; {1: "a"}[input.http.body.value] }',
    reason: 'number',
  },
  'an answer that is a set, which the SDK cannot be given': {
    body: 'deny contains "no" if { input.http.segments[0] == "x"; net.cidr_expand("10.0.0.0/30")["10.0.0.1"] }',
    reason: 'set',
  },
  'a function inside the WebAssembly that answers otherwise than OPA': {
    body: 'deny contains "no" if { input.http.segments[0] == "x"; net.cidr_contains("10.0.0.0/8", "::ffff:10.1.2.3") }',
    reason: 'inside',
  },
  'a regular expression on which the SDK hangs': {
    body: 'deny contains "no" if { input.http.segments[0] == "x"; count(regex.split("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")) == 1 }',
    reason: 'time',
  },
}
const { rawJSON } = JSON as unknown as { rawJSON(text: string): number }

compilerTest('what would be taken for a difference and is none is left out and counted, and the SDK is asked again', async (t) => {
  const held = await hold(t)
  const bodies = Object.values(leftOut).map(({ body }, index) => body.replace('"x"', `"x${index}"`))
  await held.activate(rule(bodies.join('\n\n')))
  assert.deepEqual([held.skipped, held.differences], [[], []])
  await eachCase(Object.entries(leftOut).entries(), async ([index, [what, { reason }]]) => {
    held.decide({ segments: [`x${index}`, 'y'], body: { type: 'json', bytes: 6, value: rawJSON('100e-2') } })
    await held.settled()
    assert.deepEqual([held.skipped.splice(0), held.differences], [[reason], []], what)
    const before = held.checked()
    held.decide({ segments: ['y', String(index)] })
    await held.settled()
    assert.deepEqual([held.skipped, held.checked()], [[], before + 1], what)
  })
})

test('where the SDK’s process dies, policies are activated and requests decided, and what was not compared is counted', async (t) => {
  const held = await hold(t)
  await held.activate({})
  process.kill(held.pid() ?? 0, 'SIGKILL')
  const compared = await held.activate({})
  assert.equal(compared?.checked, 0)
  assert.ok(held.skipped.length > 0 && held.skipped.every((reason) => reason === 'unavailable'))
  assert.match(held.decide({}), /^default\/network/)
})

test('one decision a second is compared, more than may wait are left out, and every difference is told', async () => {
  const said: string[] = []
  const asked: number[] = []
  const sdk = {
    ...{ start() {}, close() {}, pid: () => undefined },
    ask: async ({ questions }: { readonly questions: readonly unknown[] }) => {
      asked.push(questions.length)
      return questions.map(() => ({ text: '[{"result":1}]' }))
    },
  }
  const reference = createReference({
    ...{ sdk, perSecond: 1, maxWaiting: 1 },
    redact: { text: (text) => text, document: (value) => value },
    onChecked: () => void said.push('checked'),
    onSkipped: (reason) => void said.push(reason),
    onDifference: () => void said.push('different'),
  })
  const subject = {
    policy: { sourceHash: '', wasm: new Uint8Array(), builtins: [], maxPages: 8 },
    revision: 'v',
    hasOddConstants: () => false,
    dataFor: () => '{}',
  }
  const evaluation = { id: 'r', integration: 'weather', input: '{}', calls: [], outcome: { text: '[{"result":1}]' } }
  assert.ok(reference.isDue())
  reference.sample(subject, evaluation)
  assert.ok(!reference.isDue(), 'one a second')
  reference.sample(subject, evaluation)
  await reference.settled()
  assert.deepEqual(said.splice(0), ['busy', 'checked'])
  const other = { ...evaluation, outcome: { text: '[{"result":2}]' } }
  assert.deepEqual(await reference.compare(subject, [evaluation, other]), { checked: 2, skipped: {} })
  assert.deepEqual(said, ['checked', 'checked', 'different'])
  await assert.rejects(reference.check(subject, [other]), ReferenceDifference)
  assert.deepEqual(asked, [1, 2, 1])
  said.length = 0
  const call = { name: 'f', operands: ['"x"'.repeat(1_000_000)], answer: null }
  reference.sample(subject, { ...evaluation, calls: Array.from({ length: 8 }, () => call) })
  assert.deepEqual(said, ['bounds'], 'it does not wait, however few do')
})

test('an SDK without memory is left out, and so is all that does not end in time', async (t) => {
  const wasm = readFileSync(`${root}/rego/sallyport/compiled/policy.wasm`)
  const policy = { sourceHash: 'default', wasm, builtins: [], maxPages: 16 }
  const question = { input: '{}', calls: new Map() }
  const small = createSdk({ maxQuestionMs: 10_000, maxMs: 60_000 })
  t.after(() => small.close())
  const data = JSON.stringify({ large: Array.from({ length: 100_000 }, String) })
  assert.deepEqual(await small.ask({ policy, data, questions: [question] }), [{ skipped: 'memory' }])
  const hasty = createSdk({ maxMs: 1 })
  t.after(() => hasty.close())
  assert.deepEqual(await hasty.ask({ policy, data: '{}', questions: [question] }), [{ skipped: 'time' }])
  assert.equal(hasty.pid(), undefined)
})

test('inputs are read from Rego tests as they are written there', () => {
  const text = rego`
    test_a if { allow with input as {"http": {"path": "/{"}, "x": [1,],} with data.y as {} }
    z := {"service": {}}
  `
  assert.deepEqual(inputsInTests({ 'a_test.rego': text, 'a.rego': text }), [
    { integration: '', input: '{"http":{"path":"/{"},"x":[1]}' },
    { integration: '', input: '{"service":{}}' },
  ])
})

test('values are read as OPA writes them, and compared as the SDK writes them', () => {
  assert.deepEqual(readValue('{"a": [1, {"b"}], "c": set()}'), { value: { a: [1, ['b']], c: [] }, isBeyondJson: true })
  assert.deepEqual(readValue('{[1]: "x"}'), { value: { '[1]': 'x' }, isBeyondJson: true })
  assert.deepEqual(readValue('{}'), { value: {}, isBeyondJson: false })
  assert.deepEqual(readValue(' "a\\"}," '), { value: 'a"},', isBeyondJson: false })
  assert.throws(() => readValue('[1] 2'), SyntaxError)
  assert.equal(keyOf({ b: [2, 1], a: 1 }), keyOf({ a: 1, b: [1, 2] }))
  assert.notEqual(keyOf([1, 1]), keyOf([1]))
})
