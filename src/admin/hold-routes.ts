/** The operator's API for legal holds on the audit log; who may ask was looked at before. */
import type { IncomingMessage } from 'node:http'
import type { Express } from 'express'
import type { By, GivenHold, Holds } from '../holds/index.ts'
import type { Principal } from '../operators/index.ts'
import { sendJson } from './answers.ts'

const names = new Set(['from', 'to', 'integration', 'until', 'reason'])
const maxReasonCharacters = 500

export function addHoldRoutes(app: Express, holds: Holds, principalOf: (req: IncomingMessage) => Principal | undefined): void {
  app.post('/v1/audit/holds', async (req, res) => {
    const given = holdFrom(req.query)
    if (typeof given === 'string') return sendJson(res, 422, { ok: false, problem: given })
    const hold = await holds.add(given, byOf(principalOf(req)))
    if (hold === null) sendJson(res, 422, { ok: false, problem: 'there are a thousand holds already: release some' })
    else sendJson(res, 200, { ok: true, hold })
  })
  app.post('/v1/audit/holds/:id/release', async (req, res) => {
    const reason = reasonFrom(req.query)
    if (reason === null) return sendJson(res, 422, { ok: false, problem: noReason })
    const ok = await holds.release(req.params.id, reason, byOf(principalOf(req)))
    sendJson(res, ok ? 200 : 422, ok ? { ok } : { ok, problem: `there is no hold "${req.params.id}"` })
  })
}

const noReason = `expected a reason, of at most ${maxReasonCharacters} characters`

function byOf(principal: Principal | undefined): By {
  return { who: principal?.name ?? '', role: principal?.role ?? '', by: principal?.by ?? '' }
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
