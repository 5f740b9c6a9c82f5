/** The policy station: the active engine, and how the next one is prepared beside it and swapped in. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Integration, Policy } from '../core/index.ts'
import { requireTests } from './author/toolchain.ts'
import { buildPolicy, type CompiledPolicy, entrypoint, type RegoSources, readRego } from './build.ts'
import { isQuick } from './builtins/index.ts'
import { builtinLibrary, builtPath, type Compile, programPath } from './compiler/index.ts'
import { createOwnDocuments, createWholeDocuments, type Documents } from './documents.ts'
import { createEngine, type Engine } from './engine.ts'
import type { FailureKind } from './failure.ts'
import { indexManifest } from './index-manifests.ts'
import type { ReadContext } from './input.ts'
import type { InputSight } from './projection.ts'
import { createSession, type Session } from './session.ts'
import { meter, meterHook } from './wasm/index.ts'

export interface PolicyOptions {
  /** Compiled rules are kept here. */
  readonly cacheFolder: string
  readonly compile: Compile
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  readonly readContext: ReadContext
  /** An evaluation failed and its request was denied. */
  readonly onFailure: (kind: FailureKind, error: unknown) => void
}

export interface PolicyStation extends Policy {
  /**
   * Builds what `integrations` and authors' `rules` would give, touching nothing that is active.
   * `activate` swaps it in at once. Throws `RegoError`, `CompilerMissing`, or an error that names the file.
   */
  prepare(integrations: readonly Integration[], rules: RegoSources): Promise<{ readonly revision: string; activate(): void }>
  /** `null` until the first activation. */
  revision(): string | null
  /** What of the input the active policy can look at. */
  sight(): InputSight
}

/** A policy's code, and its session where that serves whatever manifests there are. */
interface Loaded {
  readonly policy: CompiledPolicy
  readonly module: WebAssembly.Module
  readonly own: Session | null
}

export function createPolicy(options: PolicyOptions): PolicyStation {
  let active: Engine | null = null
  let loaded: Loaded | null = null
  let library: WebAssembly.Module | null = null

  async function prepare(integrations: readonly Integration[], rules: RegoSources): Promise<{ revision: string; activate(): void }> {
    const policy = await buildPolicy(rules, options.compile, options.cacheFolder, requireTests)
    const next = loaded?.policy.sourceHash === policy.sourceHash ? loaded : await load(policy)
    const session = next.own ?? createSessionOver(createWholeDocuments(next.module, {}, integrations))
    // What cannot be answered without the library must not wait for it at a request.
    if (!session.documents.loader.base.builtins.every(isQuick)) library ??= await loadLibrary()
    const revision = `${policy.sourceHash.slice(0, 12)}-${digest(integrations.map(digestOf).join())}`
    const { readContext, onFailure } = options
    const engine = createEngine({ policy, session, integrations, revision, readContext, onFailure })
    return {
      revision,
      activate() {
        loaded = next
        active = engine
      },
    }
  }

  async function load(policy: CompiledPolicy): Promise<Loaded> {
    const module = await WebAssembly.compile(meter(policy.wasm, meterHook))
    return { policy, module, own: policy.sight.ownOnly ? createSessionOver(createOwnDocuments(module, {})) : null }
  }

  function createSessionOver(documents: Documents): Session {
    const { maxMemoryPages, maxEvaluationMs } = options
    return createSession({
      documents,
      entrypoint,
      maxMemoryPages,
      maxEvaluationMs,
      builtinLibrary() {
        library ??= loadLibraryNow()
        return library
      },
    })
  }

  function engine(): Engine {
    // Doors open after the first activation; a request that gets here before it is a bug, and a denial.
    if (active === null) throw new Error('no policy is active')
    return active
  }

  return {
    get needs() {
      return engine().needs
    },
    decide: (request, claim) => engine().decide(request, claim),
    prepare,
    revision: () => active?.revision ?? null,
    sight: () => engine().sight,
  }
}

async function loadLibrary(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(await programPath(builtinLibrary)))
}

/** For the rare call of a quick function that needs it after all. */
function loadLibraryNow(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(builtPath(builtinLibrary)))
}

const digests = new WeakMap<Integration, string>()

/** Of what the policy can see of a manifest; computed once for each that was loaded. */
function digestOf(integration: Integration): string {
  let known = digests.get(integration)
  if (known === undefined) {
    known = digest(`${integration.name}\0${JSON.stringify(indexManifest(integration))}`)
    digests.set(integration, known)
  }
  return known
}

/** Authors' Rego, by the names that messages use. */
export async function readRules(folder: string | null): Promise<RegoSources> {
  return folder === null ? {} : readRego(folder, 'rules/')
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
