/** What the engine remembers of requests and decisions is bounded in bytes, whatever callers and authors make of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGlobMatch } from '../../src/opa/builtins/glob.ts'
import { createDecider } from '../support/decide.ts'
import { createFolder } from '../support/folder.ts'
import { manifest } from '../support/installation.ts'
import { integrationOf } from '../support/judge.ts'
import { testWith } from '../support/tools.ts'
import { usedBytes } from '../support/used-bytes.ts'

const compilerTest = await testWith('compiler')

const mebibyte = 1024 ** 2

test('patterns that callers send are not kept beyond a megabyte', async () => {
  const matches = createGlobMatch()
  const before = await usedBytes()
  for (let index = 0; index < 500; index += 1) matches(`"${index}${'a'.repeat(100_000)}*"`, '["."]', '"a"')
  const grown = (await usedBytes()) - before
  assert.equal(matches('"a*"', '["."]', '"ab"'), 'true')
  assert.ok(grown < 8 * mebibyte, `${grown} bytes`)
})

compilerTest('a decision with large reasons is not remembered', async (t) => {
  const folder = createFolder(t, {
    'rules.rego': `package sallyport.rules\n\nimport rego.v1\n\ndeny contains concat(" ", [input.http.path, concat("", ["${'a'.repeat(200)}" | some _ in numbers.range(1, 500)])])\n`,
  })
  const weather = integrationOf(manifest('weather', 'network: [{ hosts: [a.example.com], tls: intercept }]'))
  const { http } = await createDecider(t, [weather], { rulesFolder: folder, maxEvaluationMs: 5000 })
  const facts = { scheme: 'https', host: 'a.example.com', port: 443, method: 'GET' }
  assert.ok(http(weather, { ...facts, path: '/' }).reasons.some((reason) => reason.length > 50_000))
  const before = await usedBytes()
  for (let index = 0; index < 100; index += 1) http(weather, { ...facts, path: `/${index}` })
  const grown = (await usedBytes()) - before
  assert.ok(grown < 2 * mebibyte, `${grown} bytes`)
})
