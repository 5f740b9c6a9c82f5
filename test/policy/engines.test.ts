/** Tests and queries in the gateway's engine beside OPA's interpreter. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPolicy, evalPolicy } from '../../src/authoring/index.ts'
import { refusedFunctions } from '../../src/opa/compiler/compile.ts'
import { createCompile } from '../../src/opa/index.ts'
import { testPolicy } from '../../src/policy/index.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { eachCase } from '../support/cases.ts'
import { composed } from '../support/composed.ts'
import { createFolder } from '../support/folder.ts'
import { root } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

const compile = createCompile()
const sources = {
  'rules.rego': rego`
    package sallyport.rules

    deny contains "closed" if startswith(input.http.path, "/closed")

    deny contains data.acme.why if input.http.port == 80
  `,
  'rules_test.rego': rego`
    package sallyport.rules_test

    test_denies if "closed" in data.sallyport.rules.deny with input.http as {"path": "/closed/a"}

    test_data if "plain" in data.sallyport.rules.deny with input.http.port as 80

    test_function if indexof("aé", "é") == 1

    test_clock if time.now_ns() == 7 with time.now_ns as 7

    test_false if data.sallyport.rules.deny == {"x"} with input as {}

    test_differs if to_number("010") == 10

    test_deep if count(data.sallyport.rules.deny) == 0 with input.http.body.value as 1
  `,
}
const data = { acme: { why: 'plain' } }
const shown = async (engine: 'opa' | 'gateway' | 'both') =>
  Object.fromEntries(
    (await testPolicy(compile, sources, { data, engine })).tests.map(({ name, passed, skipped }) => [
      name.replace('test_', ''),
      skipped === true ? 'skipped' : passed,
    ]),
  )

test('a test passes where it passes in both engines, and fails where they differ', async () => {
  const agreed = { denies: true, data: true, function: true, clock: true, false: false }
  assert.deepEqual(await shown('opa'), { ...agreed, differs: true, deep: true })
  assert.deepEqual(await shown('gateway'), { ...agreed, differs: false, deep: 'skipped' })
  assert.deepEqual(await shown('both'), { ...agreed, differs: false, deep: true })
})

test('a difference shows both answers, and what cannot be run in the gateway says why', async () => {
  const { tests } = await testPolicy(compile, sources, { data, engine: 'both', run: 'differs|deep' })
  const [differs, deep] = ['test_differs', 'test_deep'].map((name) => tests.find((test) => test.name === name))
  assert.match(
    differs?.error ?? '',
    /^the engines differ: it passes in OPA's interpreter, and fails \(to_number: .*\) in the gateway's engine$/,
  )
  assert.match(deep?.notInGateway ?? '', /^a with may replace/)
})

for (const asked of [
  'data.sallyport.rules.deny',
  'input.http.id',
  'input.http.name',
  '{"a\\ufffdb": 1}[input.http.name]',
  'data.nothing',
  '[json.is_valid("true x"), base64.decode("YQ==")]',
  '1 / 0',
])
  test(`a query has one answer in both engines: ${asked}`, async () => {
    const rules = { 'rules.rego': sources['rules.rego'] }
    const query = {
      sources: rules,
      data,
      explain: false,
      input: '{"http":{"path":"/closed","port":80,"id":9007199254740993,"name":"a\\ud800b"}}',
    }
    const [first, other] = await Promise.all(
      (['opa', 'gateway'] as const).map((engine) => evalPolicy(compile, { ...query, query: asked, engine })),
    )
    assert.deepEqual(JSON.stringify(first?.value), JSON.stringify(other?.value), asked)
    assert.equal(first?.error === undefined, other?.error === undefined, asked)
  })

test('each function that the compiler refuses has a reason, and nothing else has', async () => {
  const read = async (file: string) => JSON.parse(await readFile(join(root, 'rego/compiler', file), 'utf8'))
  const { builtins } = (await read('capabilities.json')) as { builtins: { name: string; deprecated?: boolean }[] }
  const outside = ((await read('external-builtins.json')) as { name: string }[]).map(({ name }) => name)
  const deprecated = builtins.filter((builtin) => builtin.deprecated === true).map(({ name }) => name)
  assert.deepEqual(Object.keys(refusedFunctions).sort(), [...outside, ...deprecated].sort())
  // OPA looks for the one kind before it looks for the other, and tells ten problems at most.
  await eachCase([outside, deprecated.slice(0, 4), deprecated.slice(4, 8), deprecated.slice(8)], async (names) => {
    const calls = names.map((name) => rego`allow contains "x" if ${name}(input.http.path, input.http.path)`)
    await assert.rejects(
      checkPolicy(compile, {
        'r.rego': rego`
          package sallyport.rules

          ${calls.join('')}
        `,
      }),
      ({ message }: Error) => {
        eachCase(names.entries(), ([index, name]) => {
          const { reason, instead } = refusedFunctions[name] ?? { reason: '', instead: '' }
          const told = message
            .split('\n')
            .some((line) => line.startsWith(`r.rego:${index + 3}:`) && line.endsWith(`${name}: ${reason}; ${instead}`))
          assert.ok(told, `${name}: ${message}`)
        })
        return true
      },
    )
  })
})

test('rules are activated where their tests pass in both engines; a difference rejects them, and says both answers', async (t) => {
  const policy = createPolicy({
    cacheFolder: createFolder(t),
    compile,
    maxMemoryPages: 200,
    maxEvaluationMs: 1000,
    readContext: () => ({}),
    onFailure: (_kind, error) => assert.fail(String(error)),
  })
  const prepare = (...tests: readonly string[]) =>
    policy.prepare(
      composed({
        rules: {
          'rules/a.rego': 'package sallyport.rules\n\ndeny contains "closed" if startswith(input.http.path, "/closed")\n',
          'rules/a_test.rego': `package sallyport.rules_test\n\n${tests.join('\n\n')}\n`,
        },
      }),
    )
  const good = 'test_denies if "closed" in data.sallyport.rules.deny with input.http as {"path": "/closed/a"}'
  // Of OPA's library, of nothing that the rules call.
  const library = 'test_library if regex.match("^a+$", "aaa")'
  const notInGateway = 'test_deep if count(data.sallyport.rules.deny) == 0 with input.http.body.value as 1'
  assert.match((await prepare(good, library, notInGateway)).revision, /^[0-9a-f]{12}-/)
  await assert.rejects(prepare(good, 'test_differs if to_number("010") == 10'), {
    name: 'RegoError',
    message:
      /^rules\/a_test\.rego:5:1: the test test_differs fails: the engines differ: it passes in OPA's interpreter, and fails \(to_number: .*\) in the gateway's engine$/,
  })
  await assert.rejects(prepare(good, 'test_fails if 1 == 2'), /^RegoError: rules\/a_test\.rego:5:1: the test test_fails fails$/)
})
