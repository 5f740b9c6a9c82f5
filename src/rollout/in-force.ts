/** What listeners of an activation are told. */
import type { PolicySet } from '../policy/index.ts'
import type { IntegrationChanges } from './changes.ts'
import type { Activated } from './history/index.ts'

/** What is in force now. */
export interface InForce extends Pick<PolicySet, 'integrations' | 'bundles'> {
  /** How the policy came to be active; `null`: the manifests are known, and there is no policy yet. */
  readonly activated: ActivationEvent | null
}

export interface ActivationEvent {
  readonly revision: string
  readonly how: Activated['how']
  readonly by: string
  /** Who that was, as it is proved; or where a bundle came from. `null`: it says no more than `by`. */
  readonly from: string | null
  /** The revision before; `null` where there was none. */
  readonly previous: string | null
  /** Names of the files of manifests and rules that are otherwise than in the set before. */
  readonly files: readonly string[]
  /** Another revision was active before, or a set was rejected since. */
  readonly isNews: boolean
  readonly changed: IntegrationChanges
}

/** What caused a reload of the folders: a call of the operator's API, a change of a file, a signal. */
export type ReloadCause = 'operator' | 'folders' | 'signal'
