/** A set as programs are prepared from it, of which a test says only what it is about. */
import { compose, type PolicySet } from '../../src/policy/index.ts'

export function composed({ integrations = [], rules = {}, bundles = new Map() }: Partial<PolicySet>): ReturnType<typeof compose> {
  return compose({ integrations, rules, bundles })
}
