/** What the dashboard asks besides the rest of the operator's API: who it is that asks. */
import type { IncomingMessage } from 'node:http'
import type { Express } from 'express'
import type { Principal } from '../operators/index.ts'

export function addDashboardRoutes(app: Express, principalOf: (req: IncomingMessage) => Principal | undefined): void {
  app.get('/v1/me', (req, res) => {
    const { name = '', role = null, personal = false, by = null } = principalOf(req) ?? {}
    res.json({ name, role, personal, by })
  })
}
