/** The rules of a set, compiled and loaded: those that decide, and those that mask what is reported; and rules whose paths conflict with data. */

import { BundleError, type BundleSet } from '../bundles/index.ts'
import type { Json, JsonObject } from '../core/index.ts'
import { type Compile, harden as hardenWasm, type LibrarySource, libraryNeedOf, type RegoSources } from '../opa/index.ts'
import { isJsonObject } from '../text/index.ts'
import type { CompiledPolicy } from './build.ts'
import { type Composed, compose, type PolicySet } from './compose.ts'
import { createOwnDocuments, createWholeDocuments, type Documents } from './documents.ts'
import { requireKnownBuiltins } from './prebuilt.ts'
import { createSession, type Session } from './session.ts'
import { requireTests } from './test-gate.ts'

export interface Prepared {
  /** From now on this program is evaluated. */
  activate(): void
}

/** What an activation prepares and then activates. */
export interface Program<Result extends Prepared = Prepared> {
  /**
   * Builds what the set would give, touching nothing that is active; `signal` ends the compiler.
   * Throws `RegoError`, `CompilerMissing`, `BundleError`, or an error that names the file.
   */
  prepare(composed: Composed, signal?: AbortSignal): Promise<Result>
  /** What of the active rules looks at data that nothing provides, with its place. */
  warnings(): readonly string[]
}

/** All programs of one set, one after the other: one that cannot be prepared rejects the set. What the first gives, and all are activated together. */
export async function preparePrograms<Result extends Prepared>(
  set: Pick<PolicySet, 'integrations' | 'rules' | 'bundles'>,
  [first, ...others]: readonly [Program<Result>, ...Program[]],
  signal?: AbortSignal,
): Promise<Result> {
  const composed = compose(set)
  const prepared = await first.prepare(composed, signal)
  const further: Prepared[] = []
  for (const program of others) further.push(await program.prepare(composed, signal))
  return {
    ...prepared,
    activate() {
      for (const program of [prepared, ...further]) program.activate()
    },
  }
}

export interface LoadOptions {
  /** What is asked. */
  readonly entrypoint: string
  readonly compile: Compile
  /** `test` runs the author's tests: it is asked before a new build is kept. */
  readonly build: (composed: Composed, compile: Compile, test: () => Promise<void>) => Promise<CompiledPolicy>
  /** Rules that may call functions of the library; `null`: all that the WebAssembly calls. */
  readonly sourcesOf: (composed: Composed) => RegoSources | null
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grants: readonly string[]
  readonly library: LibrarySource
  /** How WebAssembly is made fit to run. */
  readonly harden?: ((wasm: Uint8Array) => Uint8Array) | undefined
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  /** Of documents beside manifests. Larger ones would stand once more in the image of each integration: then one image holds everything. */
  readonly maxSharedBytes: number
}

export interface Loaded {
  readonly compiled: CompiledPolicy
  readonly module: WebAssembly.Module
  readonly dataHash: string
  readonly session: Session
  /** The session serves whatever manifests there are. */
  readonly isOwn: boolean
}

/** `known`: what is active. What has not changed of it is not loaded again: new data needs no new code. */
export async function loadProgram(options: LoadOptions, composed: Composed, known: Loaded | null, signal?: AbortSignal): Promise<Loaded> {
  const { grants, library, harden = hardenWasm, maxSharedBytes } = options
  const { integrations, bundles, all, data, dataHash, dataBytes } = composed
  const compile: Compile = (request) => options.compile(request, signal)
  // Programs of one set have the same tests.
  const test = () => requireTests(compile, all, { data, grants, library }, composed)
  const built = await options.build(composed, compile, test)
  rejectPathConflicts(built.rulePaths, bundles)
  const same = known?.compiled.sourceHash === built.sourceHash ? known : null
  const module = same?.module ?? (await WebAssembly.compile(harden(built.wasm)))
  const isOwn = built.policyReads.ownOnly && dataBytes <= maxSharedBytes
  const create = () =>
    createSessionOver(options, isOwn ? createOwnDocuments(module, data) : createWholeDocuments(module, data, integrations))
  const session = isOwn && same?.dataHash === dataHash && same.isOwn ? same.session : create()
  const { builtins, neverInside } = session.documents.loader.base
  const isPrebuilt = built === composed.prebuilt
  if (isPrebuilt) await requireKnownBuiltins(builtins, grants)
  // What the module calls it says itself, whatever a bundle says of it: an answer from outside is waited for.
  const compiled = isPrebuilt ? { ...built, policyReads: { ...built.policyReads, builtins } } : built
  await library.readyFor(libraryNeedOf({ builtins, neverInside }, options.sourcesOf(composed)))
  return { compiled, module, dataHash, session, isOwn }
}

export function createSessionOver(
  {
    entrypoint,
    maxMemoryPages,
    maxEvaluationMs,
    library,
  }: Pick<LoadOptions, 'entrypoint' | 'maxMemoryPages' | 'maxEvaluationMs' | 'library'>,
  documents: Documents,
): Session {
  return createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library: library.now })
}

type Path = readonly string[]

/**
 * `rulePaths`: where below `data` rules stand. Throws `BundleError` on a bundle's document there, or one that is not an object on
 * the way there; and on a rule where manifests stand.
 */
export function rejectPathConflicts(rulePaths: readonly Path[], bundles: BundleSet): void {
  for (const path of rulePaths) {
    if (path[0] === 'integrations')
      throw new Error(
        `data.${path.join('.')} is defined by a rule, and data.integrations is where the manifests stand; choose another package`,
      )
    for (const [name, { data }] of bundles) {
      const met = documentAt(data, path)
      if (met !== null)
        throw new BundleError(
          `bundle ${name}`,
          null,
          `defines data.${met.join('.')}, where rules are defined as well (data.${path.join('.')}), and which of the two counts would be undefined: remove one of them`,
        )
    }
  }
}

/** The path of a document that a rule at `path` would meet. */
function documentAt(data: JsonObject, path: Path): Path | null {
  let here: Json = data
  for (const [depth, key] of path.entries()) {
    if (!isJsonObject(here)) return path.slice(0, depth)
    if (!Object.hasOwn(here, key)) return null
    here = here[key] as Json
  }
  return path
}
