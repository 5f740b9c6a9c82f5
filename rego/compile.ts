/** Compiles what is shipped compiled, the default policy and the checks of the audit log, each into the folder `compiled` beside it; `--check` proves instead that what is there is what the sources give. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCompile } from '../src/opa/index.ts'
import { digestOf } from '../src/opa/wasm/digest.ts'
import { readBodies, readFunctionNames, readImports, readSections, sections } from '../src/opa/wasm/sections.ts'
import { wasmBuiltins } from '../src/opa/wasm/wasm-builtins.ts'
import { type BuildInputs, buildInputs, compiledPolicyFolder, compileInputs, save } from '../src/policy/build.ts'
import { checkInputs, compiledChecksFolder } from '../src/review/checks.ts'

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
const shipped = [
  { what: 'default policy', folder: compiledPolicyFolder, ...(await built(await buildInputs({}))) },
  { what: 'checks of the audit log', folder: compiledChecksFolder, ...(await built(await checkInputs({}))) },
]
if (process.argv.includes('--check')) {
  const isCurrent =
    (await readFile(capabilitiesFile, 'utf8')) === capabilitiesText &&
    (await readFile(externalFile, 'utf8')) === outside &&
    (await readFile(digestsFile, 'utf8')) === digests
  for (const { what, folder, policy } of shipped) {
    const same = isCurrent && (await isSaved(folder, policy))
    console.log(
      same
        ? `the compiled ${what}: what its sources give`
        : `the compiled ${what}: NOT what its sources give: run "npm run policy:compile" and commit`,
    )
    if (!same) process.exitCode = 1
  }
} else {
  await writeFile(digestsFile, digests)
  for (const { what, folder, policy, opa } of shipped) {
    await save(folder, { policy, opa })
    const reads = policy.policyReads.reads.map((path) => `input.${path.join('.')}`)
    console.log(`${what}, compiled with OPA ${opa}: ${policy.wasm.byteLength} bytes, reads ${reads.join(', ')}`)
  }
}

function built(inputs: BuildInputs) {
  return compileInputs(inputs, compile)
}

async function isSaved(folder: string, policy: Awaited<ReturnType<typeof built>>['policy']): Promise<boolean> {
  const wasm = await readFile(join(folder, 'policy.wasm'))
  const metadata = JSON.parse(await readFile(join(folder, 'policy.json'), 'utf8')) as {
    sourceHash: string
    policyReads: unknown
    rulePaths: unknown
    references: unknown
  }
  return (
    wasm.equals(policy.wasm) &&
    metadata.sourceHash === policy.sourceHash &&
    JSON.stringify([metadata.policyReads, metadata.rulePaths, metadata.references]) ===
      JSON.stringify([policy.policyReads, policy.rulePaths, policy.references])
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
