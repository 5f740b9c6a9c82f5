/** /healthz, /readyz and /metrics: open to every caller that reaches the port, so they name no secret and no path. */
import type { RequestListener } from 'node:http'
import { sendJson, sendProblem } from './answers.ts'
import { sendParts } from './operator-server.ts'

export interface Health {
  readonly ready: boolean
  /** A revision was chosen: folders and bundles are not followed. */
  readonly pinned: boolean
  readonly checks: Readonly<Record<string, boolean>>
}

export interface HealthOptions {
  readonly health: () => Health
  readonly metrics: { scrape(isOpenMetrics: boolean): { readonly contentType: string; readonly text: AsyncIterable<string> } }
}

/** Without Express, so that a gateway without other operator requests does not load it. */
export function createHealthHandler({ health, metrics }: HealthOptions): RequestListener {
  return (req, res) => {
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    const path = isRead ? (req.url ?? '').split('?', 1)[0] : null
    if (path === '/healthz') return sendJson(res, 200, { status: 'ok' })
    if (path === '/readyz') {
      const { ready, pinned, checks } = health()
      return sendJson(res, ready ? 200 : 503, { ready, pinned, checks })
    }
    if (path !== '/metrics') return sendProblem(res, 404, 'this port knows /healthz, /readyz and /metrics')
    const { contentType, text } = metrics.scrape(prefersOpenMetrics(req.headers.accept ?? ''))
    if (req.method === 'HEAD') return void res.writeHead(200, { 'content-type': contentType, vary: 'accept' }).end()
    sendParts(res, contentType, text).catch(() => {
      if (!res.headersSent) return sendProblem(res, 500, 'the metrics cannot be read')
      // The reader sees that it is not whole.
      res.destroy()
    })
  }
}

/** RFC 9110 §12.5.1, as far as Prometheus goes: OpenMetrics where it is named, and weighs no less than the text format. */
function prefersOpenMetrics(accept: string): boolean {
  const weightOf = (type: string) => {
    const weights = accept
      .split(',')
      .filter((range) => range.trim().toLowerCase().startsWith(type))
      .map((range) => Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1))
    return Math.max(0, ...weights)
  }
  const weight = weightOf('application/openmetrics-text')
  return weight > 0 && weight >= weightOf('text/plain')
}
