/** The operator's API for what the commands for authors answer: what another revision allows, and why a request was decided so. */
import type { Express } from 'express'
import { sendJson, sendProblem } from './answers.ts'

export type AuthorAnswer = { readonly json: string } | { readonly problem: string }

export interface AuthorCommands {
  /** Never rejects. */
  explain(id: string): Promise<AuthorAnswer>
  /** Never rejects. */
  diff(from: string, to: string): Promise<AuthorAnswer>
  close(): void
}

/** Names of revisions, and `active`, `latest`. */
const revisionName = /^[a-z0-9-]{1,100}$/

export function addAuthorRoutes(app: Pick<Express, 'get'>, authors: AuthorCommands): void {
  app.get('/v1/policy/diff', async (req, res) => {
    const { from, to = 'latest', ...others } = req.query
    if (!isRevision(from) || !isRevision(to) || Object.keys(others).length > 0)
      return sendProblem(res, 400, 'expected from=REVISION, and to=REVISION unless it is the files on disk')
    const answer = await authors.diff(from, to)
    if ('problem' in answer) sendJson(res, 422, { ok: false, problem: answer.problem })
    else sendJson(res, 200, JSON.parse(answer.json))
  })
}

function isRevision(value: unknown): value is string {
  return typeof value === 'string' && revisionName.test(value)
}
