/** The rules that are applied: those that are shipped, with what sallyport.yaml replaces. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeYaml } from './decode-yaml.ts'
import { type GivenWatchRules, type RulesFor, shippedRulesSchema, type WatchRules } from './watch-rules-schema.ts'

const shipped = join(import.meta.dirname, '../detect/default-rules.yaml')

/** `given`: `watch.rules` of sallyport.yaml, and what replaces these in turn. Read here, so that the process that watches loads no schema. */
export function rulesFrom(...given: readonly (GivenWatchRules | undefined)[]): WatchRules {
  const rules = decodeYaml({ file: shipped, text: readFileSync(shipped, 'utf8') }, shippedRulesSchema)
  const merged = Object.entries(rules).map(([name, rule]) => [
    name,
    given.reduce((settings, replaced) => ({ ...settings, ...replaced?.[name as keyof WatchRules] }), rule),
  ])
  return Object.fromEntries(merged) as WatchRules
}

/** `watch.rulesFor`: each integration has what `watch.rules` says, where its own do not say something else. */
export function rulesForFrom(rules: GivenWatchRules | undefined, rulesFor: Readonly<Record<string, GivenWatchRules>>): RulesFor {
  return Object.fromEntries(Object.entries(rulesFor).map(([name, own]) => [name, rulesFrom(rules, own)]))
}
