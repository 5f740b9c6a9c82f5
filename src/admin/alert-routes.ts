/** The operator's API for alerts: which there are, who has one in hand, and whether a receiver can be reached. Who may ask was looked at before. */
import type { Express } from 'express'
import { severities } from '../core/index.ts'
import { type ActResult, type Acts, nameOf, refusal } from './acts.ts'
import { sendJson, sendProblem } from './answers.ts'
import type { WatchAccess } from './watch-routes.ts'

type Query = Readonly<Record<string, unknown>>

const maxLimit = 1000
const maxReasonCharacters = 500

export function addAlertRoutes(app: Pick<Express, 'get'>, acts: Acts, watch: WatchAccess): void {
  app.get('/v1/alerts', async (req, res) => {
    const filter = filterFrom(req.query)
    if (typeof filter === 'string') return sendProblem(res, 400, filter)
    await watch.ask('alerts.list', filter).then(
      (listed) => sendJson(res, 200, listed),
      (error: Error) => sendProblem(res, 503, error.message, { 'retry-after': '5' }),
    )
  })
  app.get('/v1/alerts/:id', async (req, res) => {
    const { id } = req.params
    await watch.ask('alerts.show', { id }).then(
      (alert) => (alert === null ? sendProblem(res, 404, `there is no alert "${id}"`) : sendJson(res, 200, alert)),
      (error: Error) => sendProblem(res, 503, error.message, { 'retry-after': '5' }),
    )
  })

  const done = async (question: string, args: Readonly<Record<string, string>>) =>
    (await watch.ask(question, args).catch((error: Error) => {
      throw Object.assign(error, { status: 503 })
    })) as ActResult

  acts.add('/v1/alerts/:id/acknowledge', 'acknowledge', async ({ params: { id = '' }, query: { reason = '' }, principal }) => {
    if (typeof reason !== 'string' || reason.length > maxReasonCharacters)
      return refusal(`expected a reason, of at most ${maxReasonCharacters} characters`)
    return done('alerts.ack', { id, by: nameOf(principal), ...(reason !== '' && { reason }) })
  })
  acts.add('/v1/alerts/test', 'test-receiver', async ({ query: { receiver } }) => {
    if (typeof receiver !== 'string') return refusal('expected the name of a receiver')
    return done('alerts.test', { receiver })
  })
}

const states = ['open', 'acknowledged', 'resolved']

/** A text says what is wrong with it. */
function filterFrom(query: Query): Readonly<Record<string, string | number>> | string {
  const wrong = Object.entries(query).find(([name, value]) => !Object.hasOwn(filters, name) || typeof value !== 'string')
  if (wrong !== undefined) return `"${wrong[0]}" is unknown here, or is there twice`
  const given = Object.entries(query as Readonly<Record<string, string>>)
  for (const [name, value] of given) if (filters[name]?.isValue(value) !== true) return `${name} is ${filters[name]?.expected}`
  return Object.fromEntries(
    given.map(([name, value]) => [name, name === 'since' ? Date.parse(value) : name === 'limit' ? Number(value) : value]),
  )
}

const filters: Readonly<Record<string, { readonly expected: string; isValue(value: string): boolean }>> = {
  state: {
    expected: `some of ${states.join(', ')}, with commas between them`,
    isValue: (value) => value.split(',').every((state) => states.includes(state)),
  },
  severity: { expected: `one of ${severities.join(', ')}`, isValue: (value) => severities.some((severity) => severity === value) },
  integration: { expected: 'the name of one', isValue: (value) => /^[a-z0-9-]{1,63}$/.test(value) },
  rule: { expected: 'the name of one', isValue: (value) => /^[a-z0-9-]{1,63}$/.test(value) },
  since: {
    expected: 'a time like 2026-11-28T09:00:00Z',
    isValue: (value) => /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(value) && !Number.isNaN(Date.parse(value)),
  },
  limit: { expected: `a number from 1 to ${maxLimit}`, isValue: (value) => /^[1-9]\d{0,3}$/.test(value) && Number(value) <= maxLimit },
}
