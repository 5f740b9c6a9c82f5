/** The operator's API that opens incidents, notes on them and closes them: each act is a record, and the incident is what the records say. */
import { randomBytes } from 'node:crypto'
import type { Incident } from '../incidents/index.ts'
import type { Principal } from '../operators/index.ts'
import { type Acts, type Asked, refusal } from './acts.ts'
import type { LogAccess } from './log/index.ts'

/** Resolves once it is on disk. Rejects with `Refusal('audit-unavailable')` where it will not be. */
export type RecordIncident = (facts: Facts) => Promise<void>

export interface IncidentRoutesOptions {
  readonly log: Pick<LogAccess, 'ask'>
  readonly record: RecordIncident
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

type Query = Readonly<Record<string, unknown>>
type Facts = Readonly<Record<string, string>>

interface AlertEntry {
  readonly time: string
  readonly integration: string | null
  readonly detail: string | null
}

const names = new Set(['integration', 'from', 'to', 'title', 'alert'])
const maxTitleCharacters = 300
const maxTextCharacters = 2000
const hourMs = 3_600_000

export function addIncidentRoutes(acts: Acts, { log, record, wallClock = Date.now }: IncidentRoutesOptions): void {
  acts.add('/v1/incidents', 'open-incident', async ({ query, principal }) => {
    const given = openedFrom(query, wallClock())
    if (typeof given === 'string') return refusal(given)
    const { alert } = given
    const raisedAt = alert === undefined ? null : await raised(alert, given['integration'] ?? '', principal)
    if (alert !== undefined && raisedAt === null) return refusal(`the log has no alert "${alert}" about this integration`)
    const from = raisedAt !== null && query['from'] === undefined ? { from: new Date(raisedAt - hourMs).toISOString() } : {}
    const id = `inc-${randomBytes(6).toString('hex')}`
    await record({ id, act: 'opened', ...given, ...from, ...byOf(principal) })
    return { ok: true, id }
  })
  acts.add('/v1/incidents/:id/note', 'note-incident', (asked) => change(asked, () => ({ act: 'noted' })))
  acts.add('/v1/incidents/:id/close', 'close-incident', (asked) =>
    change(asked, ({ state, closedAt, to }) => {
      if (state === 'closed') return `it was closed at ${closedAt}: note what is to be added`
      return { act: 'closed', to: to ?? new Date(wallClock()).toISOString() }
    }),
  )

  /** `factsOf`: of the record, beside the text that is given with each; a text says why it cannot be. */
  async function change({ params: { id = '' }, query, principal }: Asked, factsOf: (incident: Incident) => Facts | string) {
    const text = textFrom(query)
    if (text === null) return refusal(noText)
    const incident = await find(id, principal)
    if (incident === null) return refusal(`there is no incident "${id}"`)
    const facts = factsOf(incident)
    if (typeof facts === 'string') return refusal(facts)
    await record({ id: incident.id, text, ...facts, ...byOf(principal) })
    return { ok: true, id: incident.id }
  }

  /** When it was raised, in milliseconds since the epoch; `null`: the log has none of this id, about this integration or the gateway. */
  async function raised(alert: string, integration: string, principal: Principal): Promise<number | null> {
    const filter = { type: ['alert'], text: [alert] }
    const answer = await log.ask(principal, { kind: 'records', filter, limit: 50, cursor: null, oldestFirst: true, hidden: [] })
    if (!('text' in answer)) throw Object.assign(new Error(answer.detail), { status: answer.status })
    const { entries } = JSON.parse(answer.text) as { readonly entries: readonly AlertEntry[] }
    const found = entries.find((entry) => entry.detail?.includes(`alert=${alert} `) && [integration, null].includes(entry.integration))
    return found === undefined ? null : Date.parse(found.time)
  }

  /** `null`: the log has none. Rejects, with the status of the answer, where it cannot be asked now. */
  async function find(id: string, principal: Principal): Promise<Incident | null> {
    const answer = await log.ask(principal, { kind: 'incidents', incidentId: id, hidden: [] })
    if ('text' in answer) return (JSON.parse(answer.text) as { readonly incidents: readonly Incident[] }).incidents[0] ?? null
    if (answer.status === 404) return null
    throw Object.assign(new Error(answer.detail), { status: answer.status })
  }
}

const noText = `expected a text, of at most ${maxTextCharacters} characters`

function byOf({ name, role, by }: Principal): Facts {
  return { who: name, role, by }
}

function textFrom(query: Query): string | null {
  const { text } = query
  const isAlone = Object.keys(query).length === 1
  return isAlone && typeof text === 'string' && text.trim() !== '' && text.length <= maxTextCharacters ? text : null
}

/** The facts of its record; a text says what is wrong with them. */
function openedFrom(query: Query, now: number): Facts | string {
  const wrong = Object.keys(query).find((name) => !names.has(name) || typeof query[name] !== 'string')
  if (wrong !== undefined) return `"${wrong}" is unknown here, or is there twice`
  const { integration = '', from, to, title = '', alert } = query as Readonly<Record<string, string>>
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(integration)) return 'integration is the name of one'
  if (title.length > maxTitleCharacters) return `title has at most ${maxTitleCharacters} characters`
  if (alert !== undefined && !/^[\w.:-]{1,200}$/.test(alert)) return 'alert is not the id of one'
  const [fromMs, toMs] = [from === undefined ? now - hourMs : timeFrom(from), to === undefined ? null : timeFrom(to)]
  if (Number.isNaN(fromMs) || Number.isNaN(toMs)) return 'from and to are days, or times like 2026-11-28T04:00:00Z'
  if (fromMs >= (toMs ?? now)) return 'from is not earlier than to, or than now'
  return {
    ...{ integration, from: new Date(fromMs).toISOString() },
    ...(toMs !== null && { to: new Date(toMs).toISOString() }),
    ...(title !== '' && { title }),
    ...(alert !== undefined && { alert }),
  }
}

function timeFrom(text: string): number {
  return /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
}
