/** An author's rules are two policies in one folder: one decides requests, the other what of a decision may be reported. */

import { packageOf } from '../bundles/index.ts'
import type { RegoSources } from '../opa/index.ts'

export interface DividedRules {
  /** Judged against the input of requests. */
  readonly deciding: RegoSources
  /** `package system…`, whose input is a decision-log event. */
  readonly reporting: RegoSources
}

/** By the package that each file declares; tests go with what they test as far as their package tells. */
export function divideRules(rules: RegoSources): DividedRules {
  const deciding: Record<string, string> = {}
  const reporting: Record<string, string> = {}
  for (const [name, text] of Object.entries(rules)) (packageOf(text)?.[0] === 'system' ? reporting : deciding)[name] = text
  return { deciding, reporting }
}
