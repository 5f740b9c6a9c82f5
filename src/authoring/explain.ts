/** Why a recorded request was decided as it was, and how it would be decided now. */

import type { BundleSet } from '../bundles/index.ts'
import type { Decision } from '../core/index.ts'
import type { Compile, RegoSources } from '../opa/index.ts'
import { compose, type DecidedRecord, type Find, requestOf, type Undecided } from '../policy/index.ts'
import { type HeldRules, rulesThatHeld } from './held-rules.ts'
import { type DecideRecorded, isUndecided } from './replay.ts'
export interface Explanation extends HeldRules {
  readonly record: DecidedRecord
  /** As the manifests and rules are on disk now. */
  readonly now: Decision | Undecided
  /** Of the rules on disk, where these decide now, or may. */
  readonly rulesNow: HeldRules
}

interface RulesInForce {
  readonly rules: RegoSources
  readonly bundles: BundleSet
  readonly find: Find
}

export interface ExplainOptions {
  readonly compile: Compile
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grants: readonly string[]
  /** Of the revision that decided, where it is kept. */
  readonly recorded: RulesInForce
  readonly now: RulesInForce & { readonly decide: DecideRecorded }
}

export async function explainRecord(record: DecidedRecord, { compile, grants, recorded, now }: ExplainOptions): Promise<Explanation> {
  const asked = requestOf(record, now.find)
  const decision = now.decide(asked)
  const rulesOf = ({ rules, bundles, find }: RulesInForce) =>
    rulesThatHeld(compile, grants, {
      record,
      recorded: asked,
      composed: compose({ integrations: [], rules, bundles }),
      integration: find(record.integration),
    })
  const then = await rulesOf(recorded)
  const byRules = isUndecided(decision) || decision.rule.startsWith('rules/')
  return { record, now: decision, ...then, rulesNow: byRules ? await rulesOf(now) : { held: [], undecided: [] } }
}
