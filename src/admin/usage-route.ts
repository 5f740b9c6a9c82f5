/** What integrations have used, over the operator's API: in all, or by windows of time where the gateway watches. */
import type { Express } from 'express'
import { usageWindows } from '../watch/index.ts'
import { sendJson, sendProblem } from './answers.ts'
import { sendParts } from './operator-server.ts'
import type { WatchAccess } from './watch-routes.ts'

type Query = Readonly<Record<string, unknown>>

const names = ['window', 'integration', 'since', 'until', 'after'] as const

/** `usage`: JSON text. */
export function addUsageRoute(app: Pick<Express, 'get'>, usage: () => AsyncIterable<string>, watch: WatchAccess): void {
  app.get('/v1/usage', async (req, res) => {
    const args = argsFrom(req.query)
    if (args === null) return sendParts(res, 'application/json; charset=utf-8', usage())
    if (typeof args === 'string') return sendProblem(res, 400, args)
    try {
      sendJson(res, 200, await watch.ask('usage.series', args))
    } catch (error) {
      sendProblem(res, 503, (error as Error).message, { 'retry-after': '5' })
    }
  })
}

/** `null`: no window is asked for; a text says what is wrong. */
function argsFrom(query: Query): Readonly<Record<string, string>> | string | null {
  const wrong = Object.keys(query).find((name) => !names.some((known) => known === name) || typeof query[name] !== 'string')
  if (wrong !== undefined) return `"${wrong}" is unknown here, or is there twice: there are ${names.join(', ')}`
  const { window, since, until, ...others } = query as Readonly<Record<string, string>>
  if (window === undefined) return Object.keys(query).length === 0 ? null : `expected window=${usageWindows.join('|')} with the others`
  if (!usageWindows.some((known) => known === window)) return `there is no window "${window}": there are ${usageWindows.join(', ')}`
  const times = Object.entries({ since, until }).filter(([, text]) => text !== undefined)
  const read = times.map(([name, text = '']) => [name, timeFrom(text)] as const)
  if (read.some(([, ms]) => Number.isNaN(ms))) return 'since and until are days, or times like 2026-11-28T04:00:00Z'
  return { window, ...others, ...Object.fromEntries(read.map(([name, ms]) => [name, String(ms)])) }
}

function timeFrom(text: string): number {
  return /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
}
