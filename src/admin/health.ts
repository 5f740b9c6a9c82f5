/** /healthz, /readyz and /metrics: open to whoever reaches the port, so they name no secret and no path. */
import express, { type Express } from 'express'

export interface Health {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, boolean>>
}

export interface HealthOptions {
  readonly health: () => Health
  readonly metrics: { text(): Promise<string>; readonly contentType: string }
}

export function createHealthApp({ health, metrics }: HealthOptions): Express {
  const app = bareApp()
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }))
  app.get('/readyz', (_req, res) => {
    const { ready, checks } = health()
    res.status(ready ? 200 : 503).json({ ready, checks })
  })
  app.get('/metrics', async (_req, res) => void res.type(metrics.contentType).send(await metrics.text()))
  app.use(
    (_req, res) => void res.status(404).json({ status: 404, title: 'Not found', detail: 'this port knows /healthz, /readyz and /metrics' }),
  )
  return app
}

/** Express without what tells about itself. */
export function bareApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  return app
}
