/** Compiles the default policy into rego/sallyport/compiled; `--check` proves instead that what is there is what the sources give. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildInputs, compiledPolicyFolder, compileInputs, save } from '../src/policy/build.ts'
import { createCompile } from '../src/policy/compiler/index.ts'

const built = await compileInputs(await buildInputs({}), createCompile())
if (process.argv.includes('--check')) {
  const wasm = await readFile(join(compiledPolicyFolder, 'policy.wasm'))
  const metadata = JSON.parse(await readFile(join(compiledPolicyFolder, 'policy.json'), 'utf8')) as { sourceHash: string; reads: unknown }
  const same =
    wasm.equals(built.policy.wasm) &&
    metadata.sourceHash === built.policy.sourceHash &&
    JSON.stringify(metadata.reads) === JSON.stringify(built.policy.reads)
  console.log(
    same
      ? 'the compiled default policy is what its sources give'
      : 'the compiled default policy is NOT what its sources give: run "npm run policy:compile" and commit',
  )
  process.exitCode = same ? 0 : 1
} else {
  await save(compiledPolicyFolder, built)
  console.log(
    `compiled with OPA ${built.opa}: ${built.policy.wasm.byteLength} bytes, reads ${built.policy.reads.map((path) => `input.${path.join('.')}`).join(', ')}`,
  )
}
