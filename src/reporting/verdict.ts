/** Asks an author's `package system.log` of each event: whether it is dropped, and what of it is masked. */

import type { BundleSet } from '../bundles/index.ts'
import type { Integration, JsonObject } from '../core/index.ts'
import { type Compile, createLibrarySource, harden, type LibrarySource, libraryNeedOf, type RegoSources } from '../opa/index.ts'
import {
  type CompiledPolicy,
  type Composed,
  compose,
  createOwnDocuments,
  createSession,
  createWholeDocuments,
  placesOf,
  requireRulesApart,
  requireTests,
  warningsOf,
  writeProjected,
} from '../policy/index.ts'
import { parseExactJson } from '../text/index.ts'
import type { DecisionEvent } from './event.ts'
import { type MaskRule, readMaskRules } from './mask-rules.ts'
import { buildVerdict, verdictEntrypoint } from './verdict-build.ts'

export interface Verdict {
  readonly drop: boolean
  readonly masks: readonly MaskRule[]
}

export interface VerdictStation {
  /** Builds what `rules` and `bundles` would give, touching nothing that is active. Throws `RegoError` or `CompilerMissing`. */
  prepare(
    integrations: readonly Integration[],
    rules: RegoSources,
    bundles?: BundleSet,
    signal?: AbortSignal,
  ): Promise<{ activate(): void }>
  /** What of the active masks looks at data that nothing provides, with its place. */
  warnings(): readonly string[]
  /** Throws where the rules fail or give what is no mask: the event must then not be sent. */
  judge(event: DecisionEvent): Verdict
}

export interface VerdictOptions {
  readonly cacheFolder: string
  readonly compile: Compile
  /** What the rules beside the masks may call although it reaches out of the policy. */
  readonly grants: readonly string[]
  readonly maxMemoryPages: number
  /** Of one event. */
  readonly maxEvaluationMs: number
  /** Shared with the policy; its own where absent. */
  readonly library?: LibrarySource
}

type Judge = (event: DecisionEvent) => Verdict

interface Prepared {
  readonly judge: Judge
  readonly warnings: readonly string[]
}

const asItIs: Prepared = { judge: () => ({ drop: false, masks: [] }), warnings: [] }

export function createVerdicts(options: VerdictOptions): VerdictStation {
  const { cacheFolder, compile, grants, maxMemoryPages, maxEvaluationMs, library = createLibrarySource() } = options
  let active = asItIs

  async function createJudge(policy: CompiledPolicy, { all, data }: Composed, integrations: readonly Integration[]): Promise<Judge> {
    const module = await WebAssembly.compile(harden(policy.wasm))
    // `input.integration` of an event is nothing: rules that ask for no manifest but that one's ask for none.
    const documents = policy.sight.ownOnly ? createOwnDocuments(module, data) : createWholeDocuments(module, data, integrations)
    const entrypoint = verdictEntrypoint
    const session = createSession({ documents, entrypoint, maxMemoryPages, maxEvaluationMs, library: library.now })
    await library.readyFor(libraryNeedOf(documents.loader.base, all))
    const image = documents.imageFor(undefined)
    const places = placesOf(policy.sight)
    return (event) =>
      session.evaluate(image, writeProjected(places, event as unknown as JsonObject), Date.parse(event.timestamp), readVerdict)
  }

  async function prepareMasks(
    integrations: readonly Integration[],
    composed: Composed,
    bundles: BundleSet,
    signal: AbortSignal | undefined,
  ): Promise<Prepared> {
    const compileNow: Compile = (request) => compile(request, signal)
    const { reporting, all, data } = composed
    if (Object.keys(reporting).length === 0) return asItIs
    const test = () => requireTests(compileNow, all, { data, grants, library }, signal)
    const policy = await buildVerdict(all, compileNow, cacheFolder, test, grants)
    requireRulesApart(policy.rulePaths, bundles)
    return { judge: await createJudge(policy, composed, integrations), warnings: warningsOf(policy.references, all, data) }
  }

  return {
    async prepare(integrations, rules, bundles = new Map(), signal) {
      const next = await prepareMasks(integrations, compose(rules, bundles), bundles, signal)
      return {
        activate() {
          active = next
        },
      }
    },
    warnings: () => active.warnings,
    judge: (event) => active.judge(event),
  }
}

/** OPA drops an event only where `drop` is exactly true; whatever else it is, the event stays. */
function readVerdict(text: string): Verdict {
  const results = parseExactJson(text) as readonly {
    readonly result: { readonly mask?: unknown; readonly listed?: true; readonly drop?: unknown }
  }[]
  const { mask, listed = false, drop } = results[0]?.result ?? {}
  return drop === true ? { drop: true, masks: [] } : { drop: false, masks: readMaskRules(mask, listed) }
}
