/** The rules that are applied: those that are shipped, with what sallyport.yaml replaces. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeYaml } from './decode-yaml.ts'
import { type GivenWatchRules, shippedRulesSchema, type WatchRules } from './watch-rules-schema.ts'

const shipped = join(import.meta.dirname, '../detect/default-rules.yaml')

/** `given`: `watch.rules` of sallyport.yaml. Read here, so that the process that watches loads no schema. */
export function rulesFrom(given: GivenWatchRules = {}): WatchRules {
  const rules = decodeYaml({ file: shipped, text: readFileSync(shipped, 'utf8') }, shippedRulesSchema)
  const merged = Object.entries(rules).map(([name, rule]) => [name, { ...rule, ...given[name as keyof WatchRules] }])
  return Object.fromEntries(merged) as WatchRules
}
