/** Compiled rules are kept for as many revisions as the history has, the ones that were used last. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Compile } from '../../src/opa/index.ts'
import { buildInputs, buildKept, compiledPolicyFolder } from '../../src/policy/build.ts'
import { times } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { rego } from '../support/rego.ts'

test('the builds that were not used for longest go', async (t) => {
  const cache = createFolder(t, { 'history/activations.jsonl': '' })
  const wasm = readFileSync(join(compiledPolicyFolder, 'policy.wasm')).toString('base64')
  const { policyReads } = JSON.parse(readFileSync(join(compiledPolicyFolder, 'policy.json'), 'utf8'))
  const compile: Compile = async () => ({ problems: [], wasm, policyReads, opa: '1' })
  const build = async (text: string) =>
    buildKept(
      await buildInputs({
        'rules/a.rego': rego`
          package sallyport.rules

          # ${text}
        `,
      }),
      compile,
      cache,
      async () => {},
    )
  const builds = () => readdirSync(cache).filter((name) => name !== 'history')
  await build('used')
  const [used = ''] = builds()
  times(105, (index) => {
    const old = join(cache, String(index).padStart(32, '0'))
    mkdirSync(old)
    writeFileSync(join(old, 'policy.json'), '')
    utimesSync(old, 1000 + index, 1000 + index)
  })
  utimesSync(join(cache, used), 1, 1)
  await build('used')
  await build('new')
  assert.equal(builds().length, 100)
  assert.ok(builds().includes(used))
  assert.ok(!builds().includes('0'.repeat(32)) && builds().includes(String(104).padStart(32, '0')))
  assert.deepEqual(readdirSync(join(cache, 'history')), ['activations.jsonl'])
})
