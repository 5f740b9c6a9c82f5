/** What the engine remembers of requests and decisions is bounded in bytes, whatever callers and authors make of them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGlobMatch } from '../../src/opa/builtins/glob.ts'
import { times } from '../support/cases.ts'
import { createDecider } from '../support/decide.ts'
import { createFolder } from '../support/folder.ts'
import { grant } from '../support/grant.ts'
import { integrationOf } from '../support/judge.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'
import { usedBytes } from '../support/used-bytes.ts'

const compilerTest = await testWith('compiler')

const mebibyte = 1024 ** 2

test('patterns that callers send are not kept beyond a megabyte', async () => {
  const matches = createGlobMatch()
  const before = await usedBytes()
  times(500, (index) => {
    matches(`"${index}${'a'.repeat(100_000)}*"`, '["."]', '"a"')
  })
  const grown = (await usedBytes()) - before
  assert.equal(matches('"a*"', '["."]', '"ab"'), 'true')
  assert.ok(grown < 8 * mebibyte, `${grown} bytes`)
})

compilerTest('a decision with large reasons is not remembered', async (t) => {
  const folder = createFolder(t, {
    'rules.rego': rego`
      package sallyport.rules

      import rego.v1

      deny contains concat(" ", [input.http.path, concat("", ["${'a'.repeat(200)}" | some _ in numbers.range(1, 500)])])
    `,
  })
  const weather = integrationOf(grant({ network: [{ hosts: ['a.example.com'], tls: 'intercept' }] }))
  const { http } = await createDecider(t, [weather], { rulesFolder: folder, maxEvaluationMs: 5000 })
  const facts = { scheme: 'https', host: 'a.example.com', port: 443, method: 'GET' }
  assert.ok(http(weather, { ...facts, path: '/' }).reasons.some((reason) => reason.length > 50_000))
  const before = await usedBytes()
  times(100, (index) => {
    http(weather, { ...facts, path: `/${index}` })
  })
  const grown = (await usedBytes()) - before
  assert.ok(grown < 2 * mebibyte, `${grown} bytes`)
})
