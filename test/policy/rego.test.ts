/** The tests of the default policy and of the checks of the audit log, by OPA's test runner. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { command } from '../support/command.ts'
import { root } from '../support/installation.ts'

test('every Rego test passes, and nearly every line is covered', async (t) => {
  const { code, stdout, stderr } = await command(process.execPath, [join(root, 'rego/test.ts')])
  if (stderr.includes('there is no compiler')) return t.skip('neither Go nor opa is installed, so Rego cannot be tested here')
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^(\d+) of \1 Rego tests pass[^\n]*\n(\d+) of \2 Rego tests pass/)
})
