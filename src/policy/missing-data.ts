/** Base data that rules look at and nothing provides: what rests on it is undefined, so that a deny that needs it never holds. */
import type { Json, JsonObject } from '../core/index.ts'
import type { DataReference, RegoSources } from '../opa/index.ts'
import { isJsonObject } from '../text/index.ts'

/** Rules may have them: the default policy looks for each, and works without. */
const optional = /^(?:integrations|sallyport\.rules\.(?:deny|allow|obligations)|system\.log\.(?:mask|drop))(?:\.|$)/

/** Of one set; what is beyond is only counted. */
const maxWarnings = 20

/** One sentence per place in the author's `rules`. The manifests are always there; below a computed key nothing is known. */
export function warningsOf(references: readonly DataReference[], rules: RegoSources, data: JsonObject): readonly string[] {
  const own = references.filter(({ file }) => Object.hasOwn(rules, file))
  const missing = own.filter(({ path }) => !optional.test(path.join('.')) && !isProvided(path, data))
  const warnings = missing
    .slice(0, maxWarnings)
    .map(
      ({ path, file, row, column }) =>
        `${file}:${row}:${column}: nothing provides data.${path.join('.')}: no rule, bundle or data file that is read here defines it, so it is undefined, and a rule that needs it never holds; correct the name, or bring the data in a bundle (policy.bundles)`,
    )
  return missing.length > maxWarnings
    ? [...warnings, `${missing.length - maxWarnings} more places look at data that nothing provides`]
    : warnings
}

function isProvided(path: readonly string[], data: JsonObject): boolean {
  let here: Json = data
  for (const key of path) {
    // The place in a list: which ones there are changes with the data.
    if (Array.isArray(here)) return true
    if (!isJsonObject(here) || !Object.hasOwn(here, key)) return false
    here = here[key] as Json
  }
  return true
}
