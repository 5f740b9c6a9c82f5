/** The operator's API: status, usage, reload. On a Unix socket of mode 0600, or on TCP behind a token. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Express, RequestHandler } from 'express'
import { bareApp } from './health.ts'

export interface ReloadResult {
  readonly ok: boolean
  /** The revision that decides now. */
  readonly revision: string
  /** Why the new set was rejected. */
  readonly problem?: string
}

export interface ApiOptions {
  readonly usage: () => unknown
  readonly status: () => unknown
  readonly reload: () => Promise<ReloadResult>
}

export function createApiApp({ usage, status, reload }: ApiOptions, guard: RequestHandler | null): Express {
  const app = bareApp()
  // A page in a browser can reach loopback; no page has business here (DNS rebinding, CSRF).
  app.use((req, res, next) =>
    req.headers.origin === undefined
      ? next()
      : void res.status(403).json({ status: 403, title: 'Forbidden', detail: 'browsers have no business here' }),
  )
  if (guard !== null) app.use(guard)
  app.get('/v1/status', (_req, res) => void res.json(status()))
  app.get('/v1/usage', (_req, res) => void res.json(usage()))
  app.post('/v1/reload', async (_req, res) => {
    const result = await reload()
    res.status(result.ok ? 200 : 422).json(result)
  })
  app.use(
    (_req, res) =>
      void res
        .status(404)
        .json({ status: 404, title: 'Not found', detail: 'the operator’s API knows GET /v1/status, GET /v1/usage and POST /v1/reload' }),
  )
  return app
}

/** A bearer token, compared in constant time. */
export function requireToken(token: string): RequestHandler {
  const known = hash('sha256', token, 'buffer')
  return (req, res, next) => {
    const presented = /^bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? ''
    if (timingSafeEqual(hash('sha256', presented, 'buffer'), known)) next()
    else
      res
        .status(401)
        .set('www-authenticate', 'Bearer realm="sallyport admin"')
        .json({ status: 401, title: 'Unauthorized', detail: 'send the admin token as Authorization: Bearer' })
  }
}
