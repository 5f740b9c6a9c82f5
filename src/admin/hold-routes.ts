/** The operator's API for legal holds on the audit log. */
import type { By, GivenHold, Holds } from '../holds/index.ts'
import type { Principal } from '../operators/index.ts'
import { type Acts, refusal } from './acts.ts'

const names = new Set(['from', 'to', 'integration', 'until', 'reason'])
const maxReasonCharacters = 500

export function addHoldRoutes(acts: Acts, holds: Holds): void {
  acts.add('/v1/audit/holds', 'hold', async ({ query, principal }) => {
    const given = holdFrom(query)
    if (typeof given === 'string') return refusal(given)
    const hold = await holds.add(given, byOf(principal))
    return hold === null ? refusal('there are a thousand holds already: release some') : { ok: true, hold }
  })
  acts.add('/v1/audit/holds/:id/release', 'release', async ({ params: { id = '' }, query, principal }) => {
    const reason = reasonFrom(query)
    if (reason === null) return refusal(noReason)
    return (await holds.release(id, reason, byOf(principal))) ? { ok: true } : refusal(`there is no hold "${id}"`)
  })
}

const noReason = `expected a reason, of at most ${maxReasonCharacters} characters`

function byOf({ name, role, by }: Principal): By {
  return { who: name, role, by }
}

type Query = Readonly<Record<string, unknown>>

function reasonFrom({ reason }: Query): string | null {
  return typeof reason === 'string' && reason.trim() !== '' && reason.length <= maxReasonCharacters ? reason : null
}

/** A text says what is wrong with it. */
function holdFrom(query: Query): GivenHold | string {
  const wrong = Object.keys(query).find((name) => !names.has(name) || typeof query[name] !== 'string')
  if (wrong !== undefined) return `"${wrong}" is unknown here, or is there twice`
  const reason = reasonFrom(query)
  if (reason === null) return noReason
  const { from = '0', to = null, integration = null, until = null } = query as Readonly<Record<string, string>>
  if (!isIndex(from) || (to !== null && !isIndex(to))) return 'from and to are the indexes of records: whole numbers'
  if (to !== null && Number(to) < Number(from)) return 'to is lower than from'
  if (integration !== null && !/^[a-z0-9-]{1,63}$/.test(integration)) return 'integration is not a name'
  const untilMs = until === null ? null : /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(until) ? Date.parse(until) : Number.NaN
  if (Number.isNaN(untilMs)) return 'until is a day, or a time like 2027-01-31T00:00:00Z'
  return {
    from: Number(from),
    to: to === null ? null : Number(to),
    integration,
    reason,
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
  }
}

function isIndex(text: string): boolean {
  return /^(?:0|[1-9]\d{0,14})$/.test(text)
}
