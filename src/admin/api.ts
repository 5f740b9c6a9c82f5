/** The operator's API: status, usage, reload; and which role may ask for what. On a Unix socket of mode 0600, or on TCP for those who prove who they are. */
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { ErrorRequestHandler, Express, RequestHandler } from 'express'
import type { Role } from '../config/index.ts'
import type { Containment } from '../containment/index.ts'
import { type Integration, Refusal } from '../core/index.ts'
import type { Holds } from '../holds/index.ts'
import { mayActAs, type Principal } from '../operators/index.ts'
import type { Activation, ReloadResult } from '../rollout/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { type ActFacts, type ActResult, createActs, nameOf, refusal } from './acts.ts'
import { addAlertRoutes } from './alert-routes.ts'
import { sendJson, sendProblem } from './answers.ts'
import { type ArchiveRecords, addArchiveRoute } from './archive-route.ts'
import { type AuthorCommands, addAuthorRoutes } from './author-routes.ts'
import { addContainmentRoutes } from './containment-routes.ts'
import { addDashboardRoutes } from './dashboard-routes.ts'
import type { Serve } from './guard.ts'
import { addHoldRoutes } from './hold-routes.ts'
import { addIncidentRoutes, type RecordIncident } from './incident-routes.ts'
import type { LogAccess } from './log/index.ts'
import { addUsageRoute } from './usage-route.ts'
import { addWatchRoutes, type WatchAccess } from './watch-routes.ts'

export interface ApiOptions {
  /** JSON text. */
  readonly usage: () => AsyncIterable<string>
  readonly status: () => unknown
  readonly activation: Activation
  readonly reload: (from: string) => Promise<ReloadResult>
  /** Recorded before it is done. `ok: false`: it cannot be rotated so, and nothing has happened. */
  readonly rotateCa: (overlapMs: number | null) => Promise<ActResult>
  readonly containment: Containment
  readonly log: LogAccess
  readonly holds: Holds
  readonly archive: ArchiveRecords
  readonly watch: WatchAccess
  readonly recordIncident: RecordIncident
  readonly authors: AuthorCommands
  /** As its manifest in force says. */
  readonly integration: (name: string) => Integration | undefined
  /** Resolves once the records of all that was done are on disk. Rejects where they cannot be. */
  readonly recorded: () => Promise<void>
  /** Records an act. */
  readonly note: (facts: ActFacts) => void
  readonly logger: Logger
}

/** Express is loaded (20 MiB) when the operator first asks something. */
export function createApi(options: ApiOptions): Serve {
  const principals = new WeakMap<IncomingMessage, Principal>()
  let app: Express | null = null
  return (req, res, principal) => {
    app ??= createApiApp(options, principals)
    principals.set(req, principal)
    app(req, res)
  }
}

function createApiApp(
  {
    usage,
    status,
    activation,
    reload,
    rotateCa,
    containment,
    log,
    holds,
    archive,
    watch,
    authors,
    integration,
    recordIncident,
    recorded,
    note,
    logger,
  }: ApiOptions,
  principals: WeakMap<IncomingMessage, Principal>,
): Express {
  const express = createRequire(import.meta.url)('express') as () => Express
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  const may =
    (role: Role): RequestHandler =>
    (req, res, next) => {
      const principal = principals.get(req)
      if (principal !== undefined && mayActAs(principal, role)) return next()
      sendProblem(res, 403, `this is for the role ${role}${principal === undefined ? '' : `, and you are ${principal.role}`}`)
    }
  app.get(['/v1/me', '/v1/status', '/v1/usage', '/v1/policy', '/v1/containment', '/v1/watch', '/v1/watch/:integration'], may('viewer'))
  app.get(['/v1/integrations/:name', '/v1/alerts', '/v1/alerts/:id'], may('auditor'))
  addDashboardRoutes(app, { principalOf: (req) => principals.get(req), integration })
  app.get('/v1/status', (_req, res) => void res.json(status()))
  addUsageRoute(app, usage, watch)
  app.get('/v1/policy', async (_req, res) => void res.json(await activation.list()))
  app.get('/v1/policy/diff', may('auditor'))
  addAuthorRoutes(app, authors)
  app.get('/v1/audit/holds', may('auditor'), (_req, res) => {
    const known = holds.list()
    if (known === null)
      sendProblem(res, 503, 'the holds are not read yet, or cannot be read; the operator’s log says why', { 'retry-after': '5' })
    else sendJson(res, 200, { holds: known })
  })
  app.get(['/v1/audit/{*what}', '/v1/incidents', '/v1/incidents/:id'], may('auditor'), (req, res) => {
    const principal = principals.get(req)
    if (principal !== undefined) log.serve(req, res, principal)
  })
  addWatchRoutes(app, watch)
  const acts = createActs({ app, note, recorded, principalOf: (req) => principals.get(req) })
  addAlertRoutes(app, acts, watch)
  addHoldRoutes(acts, holds)
  addArchiveRoute(acts, archive)
  addContainmentRoutes(app, acts, containment)
  addIncidentRoutes(acts, { log, record: recordIncident })
  acts.add('/v1/reload', 'reload', ({ principal }) => reload(nameOf(principal)))
  acts.add('/v1/policy/rollback', 'rollback', ({ principal }) => activation.rollback(nameOf(principal)))
  acts.add('/v1/policy/follow', 'follow', ({ principal }) => activation.follow(nameOf(principal)))
  acts.add('/v1/policy/activate/:revision', 'activate', ({ params: { revision = '' }, principal }) =>
    activation.activate(revision, nameOf(principal)),
  )
  acts.add('/v1/ca/rotate', 'rotate-ca', async ({ query: { overlapMs } }) => {
    const ms = overlapMs === undefined ? null : Number(overlapMs)
    if (ms === null || isWholeUpTo(ms, longestOverlapMs)) return rotateCa(ms)
    return refusal('overlapMs is a whole number of milliseconds, above zero and of a year at most')
  })
  app.post('/v1/{*unknown}', may('operator'))
  app.use(
    (_req, res) =>
      void res.status(404).json({
        status: 404,
        title: 'Not found',
        detail:
          'the operator’s API knows GET /v1/me, /v1/status, /v1/usage, /v1/policy, /v1/containment, /v1/watch, /v1/watch/<integration>, /v1/alerts, /v1/alerts/<id>, /v1/integrations/<name>, /v1/audit/…, /v1/incidents and POST /v1/reload, /v1/policy/activate/<revision>, /v1/policy/rollback, /v1/policy/follow, /v1/ca/rotate, /v1/integrations/<name>/suspend, …/resume, …/contain, …/lift, …/approve, /v1/incidents, /v1/incidents/<id>/note, /v1/incidents/<id>/close, /v1/alerts/<id>/acknowledge, /v1/alerts/test, /v1/audit/holds, /v1/audit/holds/<id>/release',
      }),
  )
  // Express' own would answer with a page that shows the stack.
  const failed: ErrorRequestHandler = (error: Error & { status?: number }, req, res, next) => {
    if (res.headersSent) return next(error)
    if (error instanceof Refusal && error.code === 'audit-unavailable') return void res.status(503).json(unrecorded)
    const { status = 500, message } = error
    if (status >= 500) logger.error({ err: error, method: req.method, path: req.path }, 'the operator’s API failed on a request')
    res.status(status).json({ status, title: status < 500 ? 'Bad request' : 'Internal error', detail: message })
  }
  app.use(failed)
  return app
}

function isWholeUpTo(ms: number, most: number): boolean {
  return Number.isSafeInteger(ms) && ms > 0 && ms <= most
}

const longestOverlapMs = 366 * 24 * 3600 * 1000

/** The act is done: the operator gets an answer only once it is recorded, and never one that says that nothing has happened. */
const unrecorded = {
  status: 503,
  title: 'Not recorded',
  detail:
    'the audit log cannot be written, so there is no record of what you asked for, which may be in force until a restart; every request is answered 503 meanwhile. Repair the disk of the log, and restart the gateway',
}
