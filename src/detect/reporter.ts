/** Drafts become findings: with what their rule says, unless it is off, does not apply to the integration, or was just said. */

import type { WatchRules } from '../config/index.ts'
import type { Integration } from './baseline/index.ts'
import type { Finding, RuleName } from './finding.ts'
import type { Draft } from './judges/index.ts'
import { createRepeats, type Quiet, type Repeats } from './repeats.ts'

export interface Reporter {
  report(integration: Integration | null, drafts: readonly Draft[], ids: readonly string[], at: number): readonly Finding[]
}

/** Rules that say one thing of an integration, to whichever destination. */
const ofIntegration: ReadonlySet<RuleName> = new Set(['new-destination', 'denials', 'encoded-names'])

/** What one burst sets off together: one of them stands for all. An integration that has bursts is not reported at each. */
const ofBursts: ReadonlySet<RuleName> = new Set(['flood', 'odd-hour', 'download-volume'])
const hourMs = 3_600_000
const bursts: Quiet = { firstMs: 12 * hourMs, mostMs: 48 * hourMs }

export function createReporter(rules: WatchRules): Reporter {
  const integrations = new Map<string | null, Repeats>()
  const once = (ms: number): Quiet => ({ firstMs: ms, mostMs: ms })
  const quietOf = new Map<RuleName, Quiet>([
    ['new-destination', once(rules['new-destination'].every)],
    ['exfiltration', once(rules.exfiltration.newFor)],
    ...[...ofBursts].map((rule): [RuleName, Quiet] => [rule, bursts]),
  ])

  const keyOf = ({ rule, destination }: Draft): string =>
    ofBursts.has(rule) ? 'burst' : ofIntegration.has(rule) ? rule : `${rule} ${destination}`

  const isNews = (name: string | null, draft: Draft, at: number): boolean => {
    const repeats = integrations.get(name) ?? createRepeats()
    integrations.set(name, repeats)
    return repeats.isNews(keyOf(draft), at, draft.weight, quietOf.get(draft.rule))
  }

  return {
    report(integration, drafts, ids, at) {
      const name = integration?.name ?? null
      return drafts.flatMap((draft) => {
        const { enabled, except, severity, contain } = rules[draft.rule]
        if (!enabled || (name !== null && except.includes(name)) || !isNews(name, draft, at)) return []
        const { rule, destination, title, detail, measures, isContained = true } = draft
        return [
          {
            rule,
            severity,
            integration: name,
            owner: integration?.owner ?? null,
            destination,
            title,
            detail,
            measures,
            ids: ids.slice(0, 3),
            at,
            contain: contain && isContained ? { state: contain.state, forMs: contain.for } : null,
            playbook: rule,
          },
        ]
      })
    },
  }
}
