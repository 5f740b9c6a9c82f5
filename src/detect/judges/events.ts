/** What the gateway says of itself, as findings. */

import type { WatchRules } from '../../config/index.ts'
import type { JsonObject } from '../../core/index.ts'
import type { Moment } from '../baseline/index.ts'
import type { RuleName } from '../finding.ts'
import type { WatchEvent } from '../watch-event.ts'
import { counted, type Draft } from './draft.ts'

const rulesOfEvents: Readonly<Record<WatchEvent['type'], RuleName>> = {
  breaker: 'breaker',
  quota: 'quota',
  disk: 'storage',
  log: 'storage',
  sink: 'storage',
  certificate: 'expiry',
  token: 'expiry',
  reference: 'reference',
}

/** `null`: there is nothing to say of it, as of a breaker that closed. */
export function judgeEvent(event: WatchEvent, rules: WatchRules, moment: Moment): Draft | null {
  const rule = rulesOfEvents[event.type]
  const { facts, destination } = event
  const draft = (title: string, detail: string, measure: string, value: number): Draft => ({
    rule,
    destination,
    title,
    detail,
    measures: [counted(measure, value, moment)],
    weight: Math.max(1, value),
  })
  const detail = text(facts, 'detail')
  switch (event.type) {
    case 'breaker':
      return text(facts, 'state') === 'closed'
        ? null
        : draft(`The breaker of ${destination ?? 'a destination'} is ${text(facts, 'state') || 'open'}`, detail, 'breakerOpen', 1)
    case 'quota': {
      const share = number(facts, 'share', number(facts, 'used') / Math.max(1, number(facts, 'limit')))
      const name = text(facts, 'name') || 'A quota'
      return share < rules.quota.share
        ? null
        : draft(`${name} is nearly used`, `${Math.round(share * 100)} % of it is used.`, 'usedShare', share)
    }
    case 'certificate':
    case 'token': {
      const leftMs = number(facts, 'expiresAt') - event.at
      const name = text(facts, 'name') || `A ${event.type}`
      const days = Number((leftMs / 86_400_000).toPrecision(2))
      const end = days > 0 ? `ends in ${days} days` : 'has ended'
      return leftMs > rules.expiry.within ? null : draft(`${name} ${end}`, detail, 'daysLeft', days)
    }
    case 'reference':
      return draft('The reference evaluator decided differently', detail, 'differences', number(facts, 'count', 1))
    default:
      return draft(text(facts, 'title') || `The ${event.type} is in danger`, detail, event.type, number(facts, 'value', 1))
  }
}

function text(facts: JsonObject, key: string): string {
  const value = facts[key]
  return typeof value === 'string' ? value : ''
}

function number(facts: JsonObject, key: string, otherwise = 0): number {
  const value = facts[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}
