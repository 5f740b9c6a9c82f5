/** Conditions of capabilities on keys of the query: which values a request gives such a key, in every way in which an origin may read it. */
import type { Integration, QueryConditions } from '../core/index.ts'
import { queryOf } from '../text/index.ts'

/** Of each key with a condition, its values; `null` stands for what origins read in different ways, and no condition allows it. */
export type JudgedQuery = Readonly<Record<string, readonly (string | null)[]>>

const keysByIntegration = new WeakMap<Integration, readonly string[]>()

/** The fact `judgedQuery` (rego/schemas/input.json); nothing where no capability of the manifest has a condition. */
export function judgedQueryOf(integration: Integration, query: string): { readonly judgedQuery?: JudgedQuery } {
  const keys = keysOf(integration)
  if (keys.length === 0) return {}
  const given = queryOf(query)
  // Some servers take `;` for a separator as well (HTML 4.01 §B.2.2).
  const otherwise = query.includes(';') ? queryOf(query.replaceAll(';', '&')) : given
  const judged = keys.map((key) => {
    const isUnclear =
      otherwise[key]?.length !== given[key]?.length || Object.keys(otherwise).some((name) => name !== key && isSame(name, key))
    return [key, [...(given[key] ?? []), ...(isUnclear ? [null] : [])]] as const
  })
  // Not by assignment: a key may be called `__proto__`.
  return { judgedQuery: Object.fromEntries(judged.filter(([, values]) => values.length > 0)) }
}

function keysOf(integration: Integration): readonly string[] {
  let keys = keysByIntegration.get(integration)
  if (keys === undefined) {
    const capabilities = [...(integration.network ?? []), ...(integration.services ?? [])]
    keys = [...new Set(capabilities.flatMap(({ query = {} }) => Object.keys(query)))]
    keysByIntegration.set(integration, keys)
  }
  return keys
}

/** Whether a lenient server may take one name for the other: letters' case (ASP.NET), `key[]` and `key[a]` (PHP, Rails), blanks and dots (PHP). */
function isSame(name: string, key: string): boolean {
  return plain(name) === plain(key)
}

function plain(name: string): string {
  const bracket = name.indexOf('[', 1)
  const word = (bracket < 0 ? name : name.slice(0, bracket)).trim()
  return word.replaceAll(/[ .\0]/g, '_').toLowerCase()
}

/** Whether every query that `specific` allows is allowed by `general`. */
export function queryCovers(general: QueryConditions, specific: QueryConditions): boolean {
  return Object.entries(general).every(([key, values]) => {
    if (!Object.hasOwn(specific, key)) return false
    const others = specific[key] ?? []
    return values.length === 0 ? others.length === 0 : others.length > 0 && others.every((value) => values.includes(value))
  })
}
