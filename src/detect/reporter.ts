/** Drafts become findings: with what their rule says, unless it is off, does not apply to the integration, or was just said. */

import type { WatchRules } from '../config/index.ts'
import type { Severity } from '../core/index.ts'
import type { Integration } from './baseline/index.ts'
import type { Finding, RuleName } from './finding.ts'
import type { Draft } from './judges/index.ts'
import { createRepeats, type Repeats } from './repeats.ts'

export interface Reporter {
  report(integration: Integration | null, drafts: readonly Draft[], ids: readonly string[], at: number): readonly Finding[]
}

/** Rules that say one thing of an integration, to whichever destination. */
const ofIntegration: ReadonlySet<RuleName> = new Set(['new-destination', 'flood', 'odd-hour', 'denials', 'encoded-names'])

/** What one burst sets off together; the first finding, and a graver one, stand for all. */
const ofVolume: ReadonlySet<RuleName> = new Set(['flood', 'odd-hour', 'upload-volume', 'download-volume'])
const burstMs = 3_600_000
const grades: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical']

interface Said {
  readonly repeats: Repeats
  burstUntil: number
  burstGrade: number
}

export function createReporter(rules: WatchRules): Reporter {
  const integrations = new Map<string | null, Said>()

  const isNews = (name: string | null, { rule, destination, weight }: Draft, at: number): boolean => {
    const said = integrations.get(name) ?? { repeats: createRepeats(), burstUntil: 0, burstGrade: -1 }
    integrations.set(name, said)
    const isNew = said.repeats.isNews(
      ofIntegration.has(rule) ? rule : `${rule} ${destination}`,
      at,
      weight,
      rule === 'new-destination' ? rules[rule].every : undefined,
    )
    if (!isNew || !ofVolume.has(rule)) return isNew
    const grade = grades.indexOf(rules[rule].severity)
    const isPart = at < said.burstUntil && at >= said.burstUntil - burstMs && grade <= said.burstGrade
    if (isPart) return false
    said.burstUntil = at + burstMs
    said.burstGrade = grade
    return true
  }

  return {
    report(integration, drafts, ids, at) {
      const name = integration?.name ?? null
      return drafts.flatMap((draft) => {
        const { enabled, except, severity, contain } = rules[draft.rule]
        if (!enabled || (name !== null && except.includes(name)) || !isNews(name, draft, at)) return []
        const { rule, destination, title, detail, measures } = draft
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
            contain: contain ? { state: contain.state, forMs: contain.for } : null,
            playbook: rule,
          },
        ]
      })
    },
  }
}
