/** What can be in force: all that a revision is made of. */
import type { BundleSet } from '../bundles/index.ts'
import type { Integration } from '../core/index.ts'
import type { ManifestDefaults, ManifestTexts } from '../manifests/index.ts'
import type { RegoSources } from '../opa/index.ts'

export interface PolicySet {
  readonly integrations: readonly Integration[]
  /** What they were read from. */
  readonly manifests: ManifestTexts
  /** What the manifests left to sallyport.yaml. */
  readonly defaults?: ManifestDefaults
  readonly rules: RegoSources
  readonly bundles: BundleSet
}
