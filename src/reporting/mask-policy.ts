/** Builds an author's `package system.log`, and evaluates it on each event: whether it is dropped, and which parts are masked. */
import type { JsonObject } from '../core/index.ts'
import { type Compile, createLibrarySource, isExternalCall, type LibrarySource, type PolicyReads, type RegoSources } from '../opa/index.ts'
import {
  type BuildInputs,
  buildKept,
  type CompiledPolicy,
  compilerEnvironment,
  defaultSources,
  hashOf,
  type Loaded,
  loadProgram,
  type Program,
  placesOf,
  warningsOf,
  writeProjected,
} from '../policy/index.ts'
import { parseExactJson } from '../text/index.ts'
import type { DecisionEvent } from './event.ts'
import { type MaskRule, readMaskRules } from './mask-rules.ts'

export interface MaskResult {
  readonly drop: boolean
  readonly masks: readonly MaskRule[]
}

export interface MaskPolicy extends Program {
  /** Throws where the rules fail or give what is not a mask: the event must then not be sent. */
  evaluate(event: DecisionEvent): MaskResult
}

export interface MaskPolicyOptions {
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

interface Masks {
  /** `null`: there are none. */
  readonly loaded: Loaded | null
  readonly evaluate: (event: DecisionEvent) => MaskResult
  readonly warnings: readonly string[]
}

const noMasks: Masks = { loaded: null, evaluate: () => ({ drop: false, masks: [] }), warnings: [] }

export function createMaskPolicy(options: MaskPolicyOptions): MaskPolicy {
  const { library = createLibrarySource() } = options
  let active = noMasks

  return {
    async prepare(composed, signal) {
      const { reporting, all, data } = composed
      let next = noMasks
      if (Object.keys(reporting).length > 0) {
        const loaded = await loadProgram(
          {
            ...{ ...options, library, entrypoint: maskEntrypoint },
            // `input.integration` of an event is nothing: rules that ask for no manifest but that one's ask for none, in one image.
            maxSharedBytes: Number.POSITIVE_INFINITY,
            build: (_composed, compile, test) => buildMasks(all, compile, options.cacheFolder, test, options.grants),
            sourcesOf: () => all,
          },
          composed,
          active.loaded,
          signal,
        )
        next = { loaded, evaluate: evaluatorOf(loaded), warnings: warningsOf(loaded.compiled.references, all, data) }
      }
      return {
        activate() {
          active = next
        },
      }
    },
    warnings: () => active.warnings,
    evaluate: (event) => active.evaluate(event),
  }
}

function evaluatorOf({ compiled, session }: Loaded): Masks['evaluate'] {
  const image = session.documents.imageFor(undefined)
  const places = placesOf(compiled.policyReads)
  return (event) => session.evaluate(image, writeProjected(places, event as unknown as JsonObject), Date.parse(event.timestamp), readResult)
}

/** OPA drops an event only where `drop` is exactly true; whatever else it is, the event stays. */
function readResult(text: string): MaskResult {
  const results = parseExactJson(text) as readonly {
    readonly result: { readonly mask?: unknown; readonly listed?: true; readonly drop?: unknown }
  }[]
  const { mask, listed = false, drop } = results[0]?.result ?? {}
  return drop === true ? { drop: true, masks: [] } : { drop: false, masks: readMaskRules(mask, listed) }
}

/**
 * OPA's names are `data.system.log.mask` and `data.system.log.drop`. Either may be missing, and a missing entry point does
 * not compile; through a rule of our own both are asked at once. A set has no order that OPA keeps, a list has.
 */
const masking = `package sallyport.report

masking["mask"] := data.system.log.mask

masking["listed"] := true if is_array(data.system.log.mask)

masking["drop"] := data.system.log.drop
`

export const maskEntrypoint = 'sallyport/report/masking'

/** All rules are there, since these may call the others; the input is an event, so the schema of requests is not asked. */
export async function maskInputs(rules: RegoSources, grants: readonly string[]): Promise<BuildInputs> {
  const { capabilities } = await compilerEnvironment(grants)
  const sources = { ...(await defaultSources()), ...rules, 'sallyport/report.rego': masking }
  return { sources, capabilities, entrypoints: [maskEntrypoint], sourceHash: await hashOf(sources, capabilities) }
}

export async function buildMasks(
  rules: RegoSources,
  compile: Compile,
  cacheFolder: string,
  requireTests: () => Promise<void>,
  grants: readonly string[],
): Promise<CompiledPolicy> {
  const built = await buildKept(await maskInputs(rules, grants), compile, cacheFolder, requireTests)
  requireInside(built.policyReads)
  return built
}

/** The rules beside them may be granted external calls: what shapes a report waits for none. */
export function requireInside({ builtins }: Pick<PolicyReads, 'builtins'>): void {
  const external = builtins.filter(isExternalCall)
  if (external.length > 0)
    throw new Error(`package system.log calls ${external.join(', ')}: what shapes the decision log may make no external call`)
}
