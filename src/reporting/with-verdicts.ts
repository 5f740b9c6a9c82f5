/** A policy and the masks of what is reported of it: prepared together, and in force from the same turn on. */
import type { PolicyStation } from '../policy/index.ts'
import type { VerdictStation } from './verdict.ts'

/** Masks that do not compile reject the whole set: without them more would be reported than the author wants. */
export function withVerdicts(policy: PolicyStation, verdicts: VerdictStation): PolicyStation {
  return {
    get needs() {
      return policy.needs
    },
    get consult() {
      return policy.consult
    },
    decide: policy.decide,
    decideWithout: policy.decideWithout,
    decideApart: policy.decideApart,
    activations: policy.activations,
    revision: policy.revision,
    compared: policy.compared,
    // Masks are compiled together with the rules: one place may be in both.
    warnings: () => [...new Set([...policy.warnings(), ...verdicts.warnings()])],
    sight: policy.sight,
    async prepare(integrations, rules, bundles, signal) {
      const prepared = await policy.prepare(integrations, rules, bundles, signal)
      const masks = await verdicts.prepare(integrations, rules, bundles, signal)
      return {
        revision: prepared.revision,
        activate() {
          prepared.activate()
          masks.activate()
        },
      }
    },
  }
}
