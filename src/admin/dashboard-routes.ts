/** What the dashboard asks besides the rest of the operator's API: who it is that asks, and what an integration may do. */
import type { IncomingMessage } from 'node:http'
import type { Express } from 'express'
import type { Integration } from '../core/index.ts'
import type { Principal } from '../operators/index.ts'
import { sendProblem } from './answers.ts'

export interface DashboardRoutesOptions {
  readonly principalOf: (req: IncomingMessage) => Principal | undefined
  /** As its manifest in force says. */
  readonly integration: (name: string) => Integration | undefined
}

/** Who may ask was looked at before. */
export function addDashboardRoutes(app: Pick<Express, 'get'>, { principalOf, integration }: DashboardRoutesOptions): void {
  app.get('/v1/me', (req, res) => {
    const { name = '', role = null, personal = false, by = null } = principalOf(req) ?? {}
    res.json({ name, role, personal, by })
  })
  app.get('/v1/integrations/:name', (req, res) => {
    const found = integration(req.params.name)
    if (found === undefined) return sendProblem(res, 404, 'there is no integration of this name')
    const { name, owner, labels, source, network, services, files } = found
    // No token is in it, not even its hash.
    res.json({ name, owner, labels, manifest: source, capabilities: [...network, ...services, ...files] })
  })
}
