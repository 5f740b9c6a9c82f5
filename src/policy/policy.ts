/** The policy station: the active engine, and how the next one is prepared beside it and swapped in. */
import { createHash } from 'node:crypto'
import { type AccessRequest, type Claim, denial, type Integration, type JsonObject, type Needs, type Policy } from '../core/index.ts'
import { indexManifest } from '../manifests/index.ts'
import { type Compile, createLibrarySource, type FailureKind, type LibrarySource, type RegoSources } from '../opa/index.ts'
import type { Compared, Reference } from '../reference/index.ts'
import { buildPolicy, type CompiledPolicy, coverageEntrypoint, entrypoint } from './build.ts'
import { createComparison } from './comparison.ts'
import type { Composed } from './compose.ts'
import { createReadCoverage, type ReadCoverage } from './coverage.ts'
import { wholeData } from './documents.ts'
import { createEngine, type Engine } from './engine.ts'
import type { EvaluationThread, ThreadPolicy } from './evaluation-thread.ts'
import { type ExternalCaller, type Grants, noGrants } from './external-calls/index.ts'
import type { ReadContext } from './input.ts'
import { warningsOf } from './missing-data.ts'
import { createSessionOver, type Loaded, type LoadOptions, loadProgram, type Prepared, type Program } from './program.ts'
import type { InputReads } from './projection.ts'
import type { Session } from './session.ts'
import { createDecideApart, type DecideOnThread } from './thread-engine.ts'
export interface PolicyOptions {
  /** Compiled rules are kept here; `null`: nowhere. */
  readonly cacheFolder: string | null
  readonly compile: Compile
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  readonly readContext: ReadContext
  /** Which external calls rules may make, and who answers them; none where absent. */
  readonly grants?: Grants
  readonly ask?: ExternalCaller
  /** Shared with other policies of the same process; its own where absent. */
  readonly library?: LibrarySource
  /** Another evaluator that must give the same answers; none where absent. */
  readonly referenceEvaluator?: Reference | undefined
  /** How a policy's WebAssembly is made fit to run; a test damages it. */
  readonly harden?: (wasm: Uint8Array) => Uint8Array
  /** Evaluates what `decideApart` is asked; without one the caller's thread does. */
  readonly thread?: EvaluationThread
  /** An evaluation failed and its request was denied. */
  readonly onFailure: (kind: FailureKind, error: unknown) => void
}

export interface PreparedPolicy extends Prepared {
  readonly revision: string
}

export interface PolicyStation extends Policy, Program<PreparedPolicy> {
  /** `null` until the first activation. */
  revision(): string | null
  /** What the comparison of the active policy with the other evaluator gave; `null`: there is no other. */
  compared(): Compared | null
  /** What of the input the active policy can look at. */
  policyReads(): InputReads
  /** As `Engine.decideWithout`. */
  decideWithout: Engine['decideWithout']
  /** As `decide`, on a thread of its own, so that no request waits for it; makes no external call. */
  decideApart: DecideOnThread
}

/** Of documents that each integration's image holds again. */
const maxSharedBytes = 64 * 1024

export function createPolicy(options: PolicyOptions): PolicyStation {
  const { grants = noGrants, ask = refuseCalls, library = createLibrarySource() } = options
  const loading: LoadOptions = {
    ...options,
    ...{ entrypoint, library, maxSharedBytes, grants: grants.builtins },
    build: async ({ deciding, prebuilt }, compile, test) =>
      prebuilt ?? buildPolicy(deciding, compile, options.cacheFolder, test, grants.builtins),
    sourcesOf: ({ deciding, prebuilt }) => (prebuilt === null ? deciding : null),
  }
  let active: Engine | null = null
  let loaded: Loaded | null = null
  let activeCompared: Compared | null = null
  let activeWarnings: readonly string[] = []
  let apart: DecideOnThread | null = null
  let activations = 0

  async function prepare(composed: Composed, signal?: AbortSignal): Promise<PreparedPolicy> {
    options.referenceEvaluator?.start()
    const { integrations } = composed
    const next = await loadProgram(loading, composed, loaded, signal)
    const { compiled: policy, session } = next
    const revision = `${revisionOf(policy, composed.reporting)}-${digest(integrations.map(digestOf).join() + composed.dataHash)}`
    const { readContext, onFailure } = options
    const { referenceEvaluator: reference, maxMemoryPages } = options
    const comparison = reference && createComparison({ reference, session, policy, revision, integrations, readContext, maxMemoryPages })
    const warnings = warningsOf(policy.references, composed.deciding, composed.data)
    const compared = (await comparison?.agree(composed.all)) ?? null
    const engine = createEngine({
      policy,
      session,
      integrations,
      revision,
      readContext,
      grants,
      ask,
      readCoverage: coverageIn(session),
      onFailure,
      observer: comparison,
    })
    const { thread } = options
    const onThread: ThreadPolicy | null =
      thread === undefined ? null : { ...forThread(next, composed.data, integrations), library: library.code() }
    return {
      revision,
      activate() {
        if (thread !== undefined && onThread !== null) {
          thread.load(onThread)
          apart = createDecideApart({ policy, integrations, revision, readContext, thread, onFailure, observer: comparison })
        }
        loaded = next
        active = engine
        session.documents.retain(integrations)
        activeCompared = compared
        activeWarnings = warnings
        activations += 1
      },
    }
  }

  function forThread({ module, isOwn }: Loaded, data: JsonObject, integrations: readonly Integration[]): Omit<ThreadPolicy, 'library'> {
    const { maxMemoryPages, maxEvaluationMs } = options
    const kind = isOwn ? 'own' : 'whole'
    const whole = () => wholeData(data, integrations)
    const documents = { kind, data: JSON.stringify(kind === 'own' ? data : whole()) } as const
    return { module, documents, maxMemoryPages, maxEvaluationMs }
  }

  /** `null`: a policy without external calls has none, and a prebuilt one may have none. */
  function coverageIn({ documents }: Session): ReadCoverage | null {
    const has = Object.hasOwn(documents.loader.base.entrypoints, coverageEntrypoint)
    return has ? createReadCoverage(createSessionOver({ ...loading, entrypoint: coverageEntrypoint }, documents)) : null
  }

  const decide = (request: AccessRequest, claim: Claim) => (active === null ? noPolicy : active.decide(request, claim))

  return {
    get needs() {
      return active?.needs ?? nothing
    },
    decide,
    decideApart: async (request, claim) => (apart === null ? decide(request, claim) : apart(request, claim)),
    decideWithout: (request, claim, unread) => (active === null ? noPolicy : active.decideWithout(request, claim, unread)),
    get decideAsync() {
      return active?.decideAsync ?? null
    },
    activations: () => activations,
    prepare,
    compared: () => activeCompared,
    warnings: () => activeWarnings,
    revision: () => active?.revision ?? null,
    policyReads: () => active?.policyReads ?? { reads: [], probes: [] },
  }
}

const noPolicy = denial('engine/no-policy', 'there is no policy yet: its bundle is missing', '')
const refuseCalls: ExternalCaller = async () => ({ error: 'external calls are not configured here' })
const nothing: Needs = { headers: false, body: false, context: false }

/** Rules that only shape reports decide nothing, and are part of what is in force all the same. */
function revisionOf({ sourceHash }: CompiledPolicy, reporting: RegoSources): string {
  return Object.keys(reporting).length === 0 ? sourceHash.slice(0, 12) : digest(`${sourceHash}${JSON.stringify(reporting)}`)
}

const digests = new WeakMap<Integration, string>()

/** Of all that its manifest says: what it may do, its limits and file roots, and its tokens, though no revision brings these back. Computed once for each that was loaded. */
function digestOf(integration: Integration): string {
  let known = digests.get(integration)
  if (known === undefined) {
    const { tokenHashes, source: _source, ...governing } = integration
    const tokens = tokenHashes.map((tokenHash) => tokenHash.toString('hex'))
    known = digest(JSON.stringify([governing, tokens, indexManifest(integration)]))
    digests.set(integration, known)
  }
  return known
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
