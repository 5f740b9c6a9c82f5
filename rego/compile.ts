/** Compiles the default policy into rego/sallyport/compiled; `--check` proves instead that what is there is what the sources give. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCompile } from '../src/opa/index.ts'
import { digestOf } from '../src/opa/wasm/digest.ts'
import { readBodies, readFunctionNames, readImports, readSections, sections } from '../src/opa/wasm/sections.ts'
import { wasmBuiltins } from '../src/opa/wasm/wasm-builtins.ts'
import { buildInputs, compiledPolicyFolder, compileInputs, save } from '../src/policy/build.ts'

const capabilitiesFile = join(import.meta.dirname, 'compiler/capabilities.json')
const compile = createCompile()
const { capabilities } = await compile({ command: 'capabilities' })
const capabilitiesText = `${JSON.stringify(capabilities, null, 1)}\n`
const externalFile = join(import.meta.dirname, 'compiler/external-builtins.json')
const outside = await externalBuiltins()
if (!process.argv.includes('--check')) {
  await writeFile(capabilitiesFile, capabilitiesText)
  await writeFile(externalFile, outside)
}

const digestsFile = join(import.meta.dirname, '../src/opa/wasm/wasm-digests.ts')
const digests = await wasmDigests()
const built = await compileInputs(await buildInputs({}), compile)
if (process.argv.includes('--check')) {
  const wasm = await readFile(join(compiledPolicyFolder, 'policy.wasm'))
  const metadata = JSON.parse(await readFile(join(compiledPolicyFolder, 'policy.json'), 'utf8')) as {
    sourceHash: string
    policyReads: unknown
    rulePaths: unknown
    references: unknown
  }
  const same =
    (await readFile(capabilitiesFile, 'utf8')) === capabilitiesText &&
    (await readFile(externalFile, 'utf8')) === outside &&
    (await readFile(digestsFile, 'utf8')) === digests &&
    wasm.equals(built.policy.wasm) &&
    metadata.sourceHash === built.policy.sourceHash &&
    JSON.stringify([metadata.policyReads, metadata.rulePaths, metadata.references]) ===
      JSON.stringify([built.policy.policyReads, built.policy.rulePaths, built.policy.references])
  console.log(
    same
      ? 'the compiled default policy is what its sources give'
      : 'the compiled default policy is NOT what its sources give: run "npm run policy:compile" and commit',
  )
  process.exitCode = same ? 0 : 1
} else {
  await writeFile(digestsFile, digests)
  await save(compiledPolicyFolder, built)
  console.log(
    `compiled with OPA ${built.opa}: ${built.policy.wasm.byteLength} bytes, reads ${built.policy.policyReads.reads.map((path) => `input.${path.join('.')}`).join(', ')}`,
  )
}

/** Declarations of the functions that only a grant opens. */
async function externalBuiltins(): Promise<string> {
  const grants = ['http.send', 'net.lookup_ip_addr', 'opa.runtime']
  const { capabilities: wider } = await compile({ command: 'capabilities', grants })
  const { builtins } = wider as { builtins: { name: string }[] }
  return `${JSON.stringify(
    builtins.filter(({ name }) => grants.includes(name)),
    null,
    1,
  )}\n`
}

/** Of the functions that may stay inside a policy's WebAssembly: of one that calls them all. */
async function wasmDigests(): Promise<string> {
  const { builtins: declared } = capabilities as { builtins: { name: string; decl: { args?: unknown[] } }[] }
  const inside = Object.entries(wasmBuiltins).filter(([, builtin]) => builtin.inside !== undefined)
  const rules = inside.map(([, { name }], index) => {
    const { args = [] } = declared.find((builtin) => builtin.name === name)?.decl ?? {}
    return `answer contains [${index}, v] if v := ${name}(${args.map((_, place) => `input[${place}]`).join(', ')})`
  })
  const sources = { 'every.rego': `package every\n\n${rules.join('\n\n')}\n` }
  const { wasm = '' } = await compile({ command: 'build', sources, capabilities, entrypoints: ['every/answer'] })
  const bytes = Buffer.from(wasm, 'base64')
  const module = readSections(bytes)
  const { functions: imported } = readImports(module, null)
  const bodies = readBodies(module.get(sections.code))
  const names = readFunctionNames(bytes)
  const lines = inside.map(([id]) => {
    const [index] = [...names].find(([, name]) => name === id) ?? []
    if (index === undefined) throw new Error(`the WebAssembly has no ${id}`)
    return `  ${id}: '${digestOf(index, { bodies, imported, names })}',\n`
  })
  return `/** Which code each function inside a policy's WebAssembly had when it was found to be OPA's equal (\`npm run policy:compile\` writes it). */
export const wasmDigests: Readonly<Record<string, string>> = {
${lines.join('')}}
`
}
