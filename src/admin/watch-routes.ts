/** The operator's API for what is watched; who may ask was looked at before. */
import type { Express, Response } from 'express'
import { sendJson, sendProblem } from './answers.ts'

export interface WatchAccess {
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args?: Readonly<Record<string, string | number>>): Promise<unknown>
  /** What of the gateway itself is in danger now: breakers, quotas, disk, log, sinks, certificates and tokens. */
  conditions(): readonly object[]
}

export function addWatchRoutes(app: Pick<Express, 'get'>, watch: WatchAccess): void {
  const answer = async (res: Response, question: string, args: Readonly<Record<string, string>>, more: object = {}) => {
    try {
      sendJson(res, 200, { ...((await watch.ask(question, args)) as object), ...more })
    } catch (error) {
      sendProblem(res, 503, (error as Error).message, { 'retry-after': '5' })
    }
  }
  app.get('/v1/watch', (_req, res) => answer(res, 'overview', {}, { conditions: watch.conditions() }))
  app.get('/v1/watch/:integration', (req, res) => answer(res, 'integration', { integration: req.params.integration }))
}
