/** Runs the Rego tests of the default policy and of the checks of the audit log, in OPA's interpreter and in the gateway's engine, and holds their coverage. */

import { join } from 'node:path'
import { createCompile, type RegoSources } from '../src/opa/index.ts'
import { testPolicy } from '../src/policy/index.ts'
import { readRego } from '../src/policy/rego-files.ts'

const minCoverage = 90
const compile = createCompile()

for (const folder of ['sallyport', 'review']) await testFolder(await readRego(join(import.meta.dirname, folder), `${folder}/`))

async function testFolder(sources: RegoSources): Promise<void> {
  const { tests, coverage } = await testPolicy(compile, sources, { engine: 'both' })
  for (const { file, row, name, passed, error, notInGateway } of tests) {
    if (!passed) console.error(`FAIL ${file}:${row} ${name}${error === undefined ? '' : `: ${error}`}`)
    if (notInGateway !== undefined) console.error(`NOTE ${file}:${row} ${name} is not run in the gateway's engine: ${notInGateway}`)
  }
  const failed = tests.filter(({ passed }) => !passed).length
  console.log(`${tests.length - failed} of ${tests.length} Rego tests pass, ${(coverage ?? 0).toFixed(1)} % of lines covered`)
  if (failed > 0 || tests.length === 0 || (coverage ?? 0) < minCoverage) process.exitCode = 1
}
