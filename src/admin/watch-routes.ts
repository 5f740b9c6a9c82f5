/** The operator's API for what is watched; who may ask was looked at before. */
import type { Express, Response } from 'express'
import { sendJson, sendProblem } from './answers.ts'

export interface WatchAccess {
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args?: Readonly<Record<string, string | number>>): Promise<unknown>
}

export function addWatchRoutes(app: Pick<Express, 'get'>, watch: WatchAccess): void {
  const answer = async (res: Response, question: string, args: Readonly<Record<string, string>>) => {
    try {
      sendJson(res, 200, await watch.ask(question, args))
    } catch (error) {
      sendProblem(res, 503, (error as Error).message, { 'retry-after': '5' })
    }
  }
  app.get('/v1/watch', (_req, res) => answer(res, 'overview', {}))
  app.get('/v1/watch/:integration', (req, res) => answer(res, 'integration', { integration: req.params.integration }))
}
