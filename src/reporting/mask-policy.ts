/** Asks an author's `package system.log` of each event: whether it is dropped, and what of it is masked. */

import type { JsonObject } from '../core/index.ts'
import { type Compile, createLibrarySource, type LibrarySource } from '../opa/index.ts'
import { type Loaded, loadProgram, type Program, placesOf, warningsOf, writeProjected } from '../policy/index.ts'
import { parseExactJson } from '../text/index.ts'
import type { DecisionEvent } from './event.ts'
import { buildMasks, maskEntrypoint } from './mask-build.ts'
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
