/** The policy as benchmarks ask it: the default rules, a gateway's bounds, and whatever fails is told. */
import { createCompile } from '../../src/opa/index.ts'
import { createPolicy, type PolicyStation } from '../../src/policy/index.ts'

export function createStation(cacheFolder: string): PolicyStation {
  return createPolicy({
    cacheFolder,
    compile: createCompile(),
    maxMemoryPages: 1600,
    maxEvaluationMs: 50,
    readContext: () => ({}),
    onFailure: (kind, error) => console.error(kind, error),
  })
}
