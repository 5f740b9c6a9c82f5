/** A compiled policy: the default policy alone as it was checked in, or built together with an author's rules. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Compile, Sight } from './compiler/index.ts'

const regoFolder = join(import.meta.dirname, '../../rego')
const defaultPolicyFolder = join(regoFolder, 'sallyport')
export const compiledPolicyFolder = join(defaultPolicyFolder, 'compiled')
export const entrypoint = 'sallyport/decision'

export interface CompiledPolicy {
  readonly wasm: Uint8Array
  /** SHA-256 of all that it was built from, hex. */
  readonly sourceHash: string
  readonly sight: Sight
}

interface Metadata {
  readonly sourceHash: string
  readonly opa: string
  readonly sight: Sight
}

export type RegoSources = Readonly<Record<string, string>>

/** Every `.rego` below a folder, by its path relative to it; `prefix` goes before each name. */
export async function readRego(folder: string, prefix: string): Promise<RegoSources> {
  const sources: Record<string, string> = {}
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.rego')).sort()
  for (const name of names) sources[`${prefix}${name}`] = await readFile(join(folder, name), 'utf8')
  return sources
}

/** The checked-in default policy. */
async function loadDefaultPolicy(): Promise<CompiledPolicy> {
  return load(compiledPolicyFolder)
}

/**
 * The default policy with an author's rules; kept in `cacheFolder` by the hash of the sources, so that a restart needs no compiler.
 * `requireTests` is asked before a new build is kept. Throws `RegoError` or `CompilerMissing`.
 */
export async function buildPolicy(
  rules: RegoSources,
  compile: Compile,
  cacheFolder: string,
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
  cacheFolder: string,
  requireTests: () => Promise<void>,
): Promise<CompiledPolicy> {
  const folder = join(cacheFolder, inputs.sourceHash.slice(0, 32))
  const cached = await load(folder).catch(() => null) // none there, or an earlier version's
  if (cached?.sourceHash === inputs.sourceHash && cached.sight !== undefined) return cached
  const built = await compileInputs(inputs, compile)
  await requireTests()
  await save(folder, built)
  return built.policy
}

export interface BuildInputs {
  readonly sources: RegoSources
  readonly capabilities: unknown
  /** JSON Schema of `input`; absent where it may be anything. */
  readonly schema?: unknown
  readonly entrypoint: string
  readonly sourceHash: string
}

interface Capabilities {
  readonly builtins: readonly { readonly name: string }[]
}

/** What every policy is compiled against: the functions it may call (`grants` beyond the usual ones) and the shape of its input. */
export async function policySurroundings(grants: readonly string[] = []): Promise<{ capabilities: unknown; schema: unknown }> {
  const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(join(regoFolder, path), 'utf8'))
  const usual = (await read('compiler/capabilities.json')) as Capabilities
  const outside = ((await read('compiler/outside.json')) as Capabilities['builtins']).filter(({ name }) => grants.includes(name))
  return { capabilities: { ...usual, builtins: [...usual.builtins, ...outside] }, schema: await read('schemas/input.json') }
}

/** All that a build depends on, and its hash. */
export async function buildInputs(rules: RegoSources, grants: readonly string[] = []): Promise<BuildInputs> {
  const { capabilities, schema } = await policySurroundings(grants)
  const sources = { ...(await defaultSources()), ...rules }
  return { sources, capabilities, schema, entrypoint, sourceHash: await hashOf(sources, capabilities, schema) }
}

/** The default policy's own modules, without its tests: authors' rules are compiled together with them. */
export async function defaultSources(): Promise<RegoSources> {
  const all = Object.entries(await readRego(defaultPolicyFolder, 'sallyport/'))
  return Object.fromEntries(all.filter(([name]) => !name.endsWith('_test.rego')))
}

export async function hashOf(sources: RegoSources, ...surroundings: readonly unknown[]): Promise<string> {
  const module = await readFile(join(regoFolder, 'compiler/go.mod'), 'utf8')
  const hash = createHash('sha256')
  for (const text of [module, ...surroundings.map((one) => JSON.stringify(one))]) hash.update(text).update('\0')
  for (const [name, text] of Object.entries(sources)) hash.update(name).update('\0').update(text).update('\0')
  return hash.digest('hex')
}

export async function compileInputs(inputs: BuildInputs, compile: Compile): Promise<{ policy: CompiledPolicy; opa: string }> {
  const { sourceHash, entrypoint: entry, ...rest } = inputs
  const answer = await compile({ command: 'build', ...rest, entrypoints: [entry] })
  const policy = { wasm: Buffer.from(answer.wasm ?? '', 'base64'), sourceHash, sight: answer.sight as Sight }
  return { policy, opa: answer.opa ?? '' }
}

/** The metadata is written last: a folder without it is no build. */
export async function save(folder: string, { policy, opa }: { policy: CompiledPolicy; opa: string }): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const metadata: Metadata = { sourceHash: policy.sourceHash, opa, sight: policy.sight }
  for (const [name, content] of [
    ['policy.wasm', policy.wasm],
    ['policy.json', `${JSON.stringify(metadata, null, 1)}\n`],
  ] as const) {
    const temporary = join(folder, `.${name}.${process.pid}.tmp`)
    await writeFile(temporary, content)
    await rename(temporary, join(folder, name))
  }
}

async function load(folder: string): Promise<CompiledPolicy> {
  const { sourceHash, sight } = JSON.parse(await readFile(join(folder, 'policy.json'), 'utf8')) as Metadata
  return { wasm: await readFile(join(folder, 'policy.wasm')), sourceHash, sight }
}
