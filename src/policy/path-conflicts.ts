/** Rejects a rule and a document at one path: which of the two counts would be undefined, and OPA refuses both. */

import { BundleError, type BundleSet } from '../bundles/index.ts'
import type { Json, JsonObject } from '../core/index.ts'
import { isJsonObject } from '../text/index.ts'

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
