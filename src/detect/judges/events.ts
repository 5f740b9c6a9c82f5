/** What the gateway says of itself, as findings. */

import type { WatchRules } from '../../config/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { bytesText, counted, countText, durationText, percentText } from '../../text/index.ts'
import type { Moment } from '../baseline/index.ts'
import type { RuleName } from '../finding.ts'
import type { WatchEvent } from '../watch-event.ts'
import { type Draft, withoutBaseline } from './draft.ts'

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
    measures: [withoutBaseline(measure, value, moment)],
    weight: Math.max(1, value),
  })
  const detail = text(facts, 'detail')
  switch (event.type) {
    case 'breaker': {
      const state = text(facts, 'state') || 'open'
      if (state === 'closed') return null
      return draft(`The breaker of ${destination ?? 'a destination'} is ${state}`, detail || breakerDetail, 'breakerOpen', 1)
    }
    case 'quota': {
      const share = number(facts, 'share', number(facts, 'used') / Math.max(1, number(facts, 'limit')))
      const name = text(facts, 'name') || 'A quota'
      return share < rules.quota.share ? null : draft(`${name} is ${percentText(share)} used`, quotaDetail(facts), 'usedShare', share)
    }
    case 'certificate':
    case 'token': {
      const leftMs = number(facts, 'expiresAt') - event.at
      const name = text(facts, 'name') || `A ${event.type}`
      const days = Number((leftMs / 86_400_000).toPrecision(2))
      const end = leftMs > 0 ? `ends in ${durationText(leftMs)}` : 'has ended'
      return leftMs > rules.expiry.within ? null : draft(`${name} ${end}`, detail, 'daysLeft', days)
    }
    case 'reference':
      return draft(
        `The reference evaluator answered ${counted(number(facts, 'count', 1), 'decision')} differently`,
        detail || 'The gateway’s own answer was used. One of the two evaluators is wrong: the log has both answers.',
        'differences',
        number(facts, 'count', 1),
      )
    default:
      return draft(text(facts, 'title') || `The ${event.type} is in danger`, detail, event.type, number(facts, 'value', 1))
  }
}

const breakerDetail =
  'Too many requests to it failed or took too long: the gateway answers further ones itself, until one that is tried now and then succeeds.'

function quotaDetail(facts: JsonObject): string {
  const [used, limit, refillMs] = [number(facts, 'used'), number(facts, 'limit'), number(facts, 'refillMs')]
  const amount = text(facts, 'bucket').startsWith('bytes') ? bytesText : countText
  const full = refillMs > 0 ? `; without further use it is full again in ${durationText(refillMs)}` : ''
  return limit > 0 ? `${amount(used)} of ${amount(limit)} are used${full}. Beyond it requests are answered with 429.` : ''
}

function text(facts: JsonObject, key: string): string {
  const value = facts[key]
  return typeof value === 'string' ? value : ''
}

function number(facts: JsonObject, key: string, otherwise = 0): number {
  const value = facts[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}
