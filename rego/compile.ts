/** Compiles the default policy into rego/sallyport/compiled; `--check` proves instead that what is there is what the sources give. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildInputs, compiledPolicyFolder, compileInputs, save } from '../src/policy/build.ts'
import { createCompile } from '../src/policy/compiler/index.ts'

const capabilitiesFile = join(import.meta.dirname, 'compiler/capabilities.json')
const compile = createCompile()
const { capabilities } = await compile({ command: 'capabilities' })
const capabilitiesText = `${JSON.stringify(capabilities, null, 1)}\n`
const outsideFile = join(import.meta.dirname, 'compiler/outside.json')
const outside = await outsideBuiltins()
if (!process.argv.includes('--check')) {
  await writeFile(capabilitiesFile, capabilitiesText)
  await writeFile(outsideFile, outside)
}

const built = await compileInputs(await buildInputs({}), compile)
if (process.argv.includes('--check')) {
  const wasm = await readFile(join(compiledPolicyFolder, 'policy.wasm'))
  const metadata = JSON.parse(await readFile(join(compiledPolicyFolder, 'policy.json'), 'utf8')) as {
    sourceHash: string
    sight: unknown
    rulePaths: unknown
  }
  const same =
    (await readFile(capabilitiesFile, 'utf8')) === capabilitiesText &&
    (await readFile(outsideFile, 'utf8')) === outside &&
    wasm.equals(built.policy.wasm) &&
    metadata.sourceHash === built.policy.sourceHash &&
    JSON.stringify([metadata.sight, metadata.rulePaths]) === JSON.stringify([built.policy.sight, built.policy.rulePaths])
  console.log(
    same
      ? 'the compiled default policy is what its sources give'
      : 'the compiled default policy is NOT what its sources give: run "npm run policy:compile" and commit',
  )
  process.exitCode = same ? 0 : 1
} else {
  await save(compiledPolicyFolder, built)
  console.log(
    `compiled with OPA ${built.opa}: ${built.policy.wasm.byteLength} bytes, reads ${built.policy.sight.reads.map((path) => `input.${path.join('.')}`).join(', ')}`,
  )
}

/** Declarations of the functions that only a grant opens. */
async function outsideBuiltins(): Promise<string> {
  const grants = ['http.send', 'net.lookup_ip_addr', 'opa.runtime']
  const { capabilities: wider } = await compile({ command: 'capabilities', grants })
  const { builtins } = wider as { builtins: { name: string }[] }
  return `${JSON.stringify(
    builtins.filter(({ name }) => grants.includes(name)),
    null,
    1,
  )}\n`
}
