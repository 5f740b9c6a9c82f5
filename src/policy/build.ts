/** A compiled policy: the default policy alone as it was checked in, or built together with an author's rules. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageOf } from '../bundles/index.ts'
import {
  type Compile,
  type DataReference,
  isExternalCall,
  isListOfPaths,
  isPolicyReads,
  type PolicyReads,
  RegoError,
  type RegoSources,
} from '../opa/index.ts'
import { mapRegoErrors } from './explain-rules.ts'
import { isRegoTest, readRego } from './rego-files.ts'

const regoFolder = join(import.meta.dirname, '../../rego')
const defaultPolicyFolder = join(regoFolder, 'sallyport')
export const compiledPolicyFolder = join(defaultPolicyFolder, 'compiled')
export const entrypoint = 'sallyport/decision'
/** Why nothing covers a request: an entry point beside the first where rules may make external calls. */
export const coverageEntrypoint = 'sallyport/uncovered'

/** What a policy answers whose rules may call `grants`. */
export function entrypointsOf(grants: readonly string[]): readonly string[] {
  return grants.some(isExternalCall) ? [entrypoint, coverageEntrypoint] : [entrypoint]
}

export interface CompiledPolicy {
  readonly wasm: Uint8Array
  /** SHA-256 of all that it was built from, hex. */
  readonly sourceHash: string
  readonly policyReads: PolicyReads
  /** Where below `data` its rules stand; empty for a prebuilt policy. */
  readonly rulePaths: readonly (readonly string[])[]
  /** Where its rules look at base data; empty for a prebuilt policy. */
  readonly references: readonly DataReference[]
}

/** Rises when what stands in `policy.json`, or what it means, changes: what an earlier version kept is built again. */
const format = 4

interface Metadata {
  readonly format: number
  readonly sourceHash: string
  readonly opa: string
  /** SHA-256 of policy.wasm, hex. */
  readonly wasm: string
  readonly policyReads: PolicyReads
  readonly rulePaths: readonly (readonly string[])[]
  readonly references: readonly DataReference[]
}

/** The checked-in default policy. */
async function loadDefaultPolicy(): Promise<CompiledPolicy> {
  const found = await loadCompiled(compiledPolicyFolder)
  if (found === null) throw new Error(`the compiled default policy in ${compiledPolicyFolder} is damaged; install Sallyport again`)
  return found
}

/**
 * The default policy with an author's rules; kept in `cacheFolder` by the hash of the sources, so that a restart needs no compiler; `null`: nothing is kept.
 * `requireTests` is asked before a new build is kept. Throws `RegoError` or `CompilerMissing`.
 */
export async function buildPolicy(
  rules: RegoSources,
  compile: Compile,
  cacheFolder: string | null,
  requireTests: () => Promise<void>,
  grants: readonly string[] = [],
): Promise<CompiledPolicy> {
  if (Object.keys(rules).length === 0) return loadDefaultPolicy()
  return buildKept(await buildInputs(rules, grants), compile, cacheFolder, requireTests)
}

/** From the cache, or built and kept there. Throws `RegoError` or `CompilerMissing`. */
export async function buildKept(
  inputs: BuildInputs,
  compile: Compile,
  cacheFolder: string | null,
  requireTests: () => Promise<void>,
): Promise<CompiledPolicy> {
  const folder = cacheFolder === null ? null : join(cacheFolder, inputs.sourceHash.slice(0, 32))
  const cached = folder === null ? null : await loadCompiled(folder)
  if (folder !== null && cached?.sourceHash === inputs.sourceHash) {
    const now = new Date()
    // What is used stays, which it does as well where it cannot be said.
    await utimes(folder, now, now).catch(() => {})
    return cached
  }
  const built = await compileInputs(inputs, compile)
  await requireTests()
  if (cacheFolder !== null && folder !== null) {
    await save(folder, built)
    await removeOldest(cacheFolder)
  }
  return built.policy
}

/** As many as there are revisions to go back to. */
const maxKept = 100

/** Rules may change by the minute, and each build has a megabyte. */
async function removeOldest(cacheFolder: string): Promise<void> {
  const names = (await readdir(cacheFolder)).filter((name) => /^[0-9a-f]{32}$/.test(name))
  if (names.length <= maxKept) return
  const builds = await Promise.all(
    names.map(async (name) => ({ path: join(cacheFolder, name), usedAt: (await stat(join(cacheFolder, name))).mtimeMs })),
  )
  const oldest = builds.toSorted((a, b) => b.usedAt - a.usedAt).slice(maxKept)
  for (const { path } of oldest) await rm(path, { recursive: true, force: true })
}

export interface BuildInputs {
  readonly sources: RegoSources
  readonly capabilities: unknown
  /** JSON Schema of `input`; absent where it may be anything. */
  readonly schema?: unknown
  readonly entrypoints: readonly string[]
  readonly sourceHash: string
}

interface Capabilities {
  readonly builtins: readonly { readonly name: string }[]
}

/** What every policy is compiled against: the functions it may call (`grants` beyond the usual ones) and the shape of its input. */
export async function compilerEnvironment(grants: readonly string[] = []): Promise<{ capabilities: unknown; schema: unknown }> {
  const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(join(regoFolder, path), 'utf8'))
  const usual = (await read('compiler/capabilities.json')) as Capabilities
  const outside = ((await read('compiler/external-builtins.json')) as Capabilities['builtins']).filter(({ name }) => grants.includes(name))
  return { capabilities: { ...usual, builtins: [...usual.builtins, ...outside] }, schema: await read('schemas/input.json') }
}

const strangeAnswer = 'the compiler’s answer is not one that this version knows; remove the compiler’s cache folder and try again'

/** All that a build depends on, and its hash. */
export async function buildInputs(rules: RegoSources, grants: readonly string[] = []): Promise<BuildInputs> {
  const { capabilities, schema } = await compilerEnvironment(grants)
  const sources = { ...(await defaultSources()), ...rules }
  return { sources, capabilities, schema, entrypoints: entrypointsOf(grants), sourceHash: await hashOf(sources, capabilities, schema) }
}

/** The default policy's own modules, without its tests: authors' rules are compiled together with them. */
export async function defaultSources(): Promise<RegoSources> {
  const all = Object.entries(await readRego(defaultPolicyFolder, 'sallyport/'))
  return Object.fromEntries(all.filter(([name]) => !isRegoTest(name)))
}

export async function hashOf(sources: RegoSources, ...surroundings: readonly unknown[]): Promise<string> {
  const module = await readFile(join(regoFolder, 'compiler/go.mod'), 'utf8')
  const hash = createHash('sha256')
  for (const text of [module, ...surroundings.map((part) => JSON.stringify(part))]) hash.update(text).update('\0')
  for (const [name, text] of Object.entries(sources)) hash.update(name).update('\0').update(text).update('\0')
  return hash.digest('hex')
}

export async function compileInputs(inputs: BuildInputs, compile: Compile): Promise<{ policy: CompiledPolicy; opa: string }> {
  const { sourceHash, ...rest } = inputs
  const request = { command: 'build', ...rest } as const
  const {
    wasm = '',
    policyReads,
    opa = '',
    rules = packagesOf(rest.sources),
    references = [],
  } = await mapRegoErrors(rest.sources, () => compile(request))
  if (wasm === '' || !isPolicyReads(policyReads))
    throw new RegoError([{ file: '', row: 0, column: 0, code: 'compiler', message: strangeAnswer }])
  return { policy: { wasm: Buffer.from(wasm, 'base64'), sourceHash, policyReads, rulePaths: rules, references }, opa }
}

/** A plain `opa` does not report where rules stand: then all of each package is assumed to hold rules. */
function packagesOf(sources: RegoSources): readonly (readonly string[])[] {
  return Object.values(sources).flatMap((text) => {
    const path = packageOf(text)
    return path === null ? [] : [path]
  })
}

/** The metadata is written last: a folder without it is not a build. */
export async function save(folder: string, { policy, opa }: { policy: CompiledPolicy; opa: string }): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { wasm, sourceHash, policyReads, rulePaths, references } = policy
  const metadata: Metadata = { format, sourceHash, opa, wasm: sha256(wasm), policyReads, rulePaths, references }
  for (const [name, content] of [
    ['policy.wasm', wasm],
    ['policy.json', `${JSON.stringify(metadata, null, 1)}\n`],
  ] as const) {
    const temporary = join(folder, `.${name}.${randomUUID()}.tmp`)
    await writeFile(temporary, content)
    await rename(temporary, join(folder, name))
  }
}

/** `null`: there is none, or an earlier version's, or what is there is not what was kept. */
export async function loadCompiled(folder: string): Promise<CompiledPolicy | null> {
  try {
    const metadata = JSON.parse(await readFile(join(folder, 'policy.json'), 'utf8')) as Metadata | null
    if (metadata?.format !== format || !isPolicyReads(metadata.policyReads) || !isListOfPaths(metadata.rulePaths)) return null
    const { sourceHash, policyReads, rulePaths, references } = metadata
    const wasm = await readFile(join(folder, 'policy.wasm'))
    return sha256(wasm) === metadata.wasm ? { wasm, sourceHash, policyReads, rulePaths, references } : null
  } catch {
    return null
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
