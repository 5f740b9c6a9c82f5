/** Runs the Rego tests of the default policy through OPA's own test runner, and holds their coverage. */

import { join } from 'node:path'
import { createCompile } from '../src/policy/compiler/index.ts'
import { readRego } from '../src/policy/rego-files.ts'

const minCoverage = 90

const { tests = [], coverage = 0 } = await createCompile()({
  command: 'test',
  sources: await readRego(join(import.meta.dirname, 'sallyport'), 'sallyport/'),
})
for (const { file, row, name, passed, error } of tests)
  if (!passed) console.error(`FAIL ${file}:${row} ${name}${error === undefined ? '' : `: ${error}`}`)
const failed = tests.filter(({ passed }) => !passed).length
console.log(`${tests.length - failed} of ${tests.length} Rego tests pass, ${coverage.toFixed(1)} % of lines covered`)
if (failed > 0 || tests.length === 0 || coverage < minCoverage) process.exitCode = 1
