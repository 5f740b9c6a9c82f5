/** The policy station: the active engine, and how the next one is prepared beside it and swapped in. */
import { createHash } from 'node:crypto'
import type { Integration, Policy } from '../core/index.ts'
import { buildPolicy, type CompiledPolicy, entrypoint, type RegoSources, readRego } from './build.ts'
import type { Compile } from './compiler/index.ts'
import { createEngine, type Engine } from './engine.ts'
import { indexManifests } from './index-manifests.ts'
import type { ReadContext } from './input.ts'

export interface PolicyOptions {
  /** Compiled rules are kept here. */
  readonly cacheFolder: string
  readonly compile: Compile
  /** Folder of authors' Rego; `null` for the default policy alone. */
  readonly rulesFolder: string | null
  readonly maxMemoryPages: number
  readonly readContext: ReadContext
  /** An evaluation failed and its request was denied. */
  readonly onFailure: (error: unknown) => void
}

export interface PolicyStation extends Policy {
  /**
   * Builds what `integrations` and the rules folder as it is now would give, touching nothing that is active.
   * `activate` swaps it in at once. Throws `RegoError`, `CompilerMissing`, or an error that names the file.
   */
  prepare(integrations: readonly Integration[]): Promise<{ readonly revision: string; activate(): void }>
  /** `null` until the first activation. */
  revision(): string | null
}

export function createPolicy(options: PolicyOptions): PolicyStation {
  let active: Engine | null = null
  let compiled: { policy: CompiledPolicy; module: WebAssembly.Module } | null = null

  async function prepare(integrations: readonly Integration[]): Promise<{ revision: string; activate(): void }> {
    const policy = await buildPolicy(await readRules(options.rulesFolder), options.compile, options.cacheFolder)
    const module = compiled?.policy.sourceHash === policy.sourceHash ? compiled.module : await WebAssembly.compile(policy.wasm)
    const data = indexManifests(integrations)
    const revision = `${policy.sourceHash.slice(0, 12)}-${digest(JSON.stringify(data))}`
    const { maxMemoryPages, readContext, onFailure } = options
    const engine = createEngine({ policy, module, data, entrypoint, maxMemoryPages, revision, readContext, onFailure })
    return {
      revision,
      activate() {
        compiled = { policy, module }
        active = engine
      },
    }
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
  }
}

async function readRules(folder: string | null): Promise<RegoSources> {
  return folder === null ? {} : readRego(folder, 'rules/')
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
