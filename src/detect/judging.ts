/** What judges an integration: by the rules of all, or by its own. */
import type { RulesFor, WatchRules } from '../config/index.ts'
import { createVolumeJudge, type VolumeJudge } from './judges/index.ts'
import { createReporter, type Reporter } from './reporter.ts'

export interface Judging {
  readonly rules: WatchRules
  readonly volumes: VolumeJudge
  readonly reporter: Reporter
}

/** `null`: of the gateway itself. */
export function createJudging(rules: WatchRules, rulesFor: RulesFor): (integration: string | null) => Judging {
  const by = (own: WatchRules): Judging => ({ rules: own, volumes: createVolumeJudge(own), reporter: createReporter(own) })
  const ofAll = by(rules)
  const own = new Map(Object.entries(rulesFor).map(([name, theirs]) => [name, by(theirs)]))
  return (integration) => (integration === null ? ofAll : (own.get(integration) ?? ofAll))
}
