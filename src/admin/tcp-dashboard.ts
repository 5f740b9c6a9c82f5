/** The dashboard on the operator's TCP port: a session for each who proves who it is as the API wants it proved. */
import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/index.ts'
import { createDoor, type Door } from '../dashboard/index.ts'
import type { Authenticate, Principal } from '../operators/index.ts'
import { certificateOf } from './guard.ts'

/** A working day; a session that was forgotten is over by then. */
const longestMs = 12 * 3600 * 1000

/** `null` where the configuration does not ask for it. */
export function createTcpDashboard(
  { tls, dashboard }: NonNullable<Config['admin']['tcp']>,
  authenticate: Authenticate,
  onRefused: (status: number, req: IncomingMessage) => void,
): Door<Principal> | null {
  if (dashboard === null) return null
  return createDoor<Principal>({
    ...{ scheme: tls === null ? 'http' : 'https', hosts: dashboard.hosts, onRefused },
    howToEnter: 'there is no session: sign in at /dashboard/',
    async admit(req) {
      const found = await authenticate({ authorization: req.headers.authorization, certificate: certificateOf(req) })
      if ('status' in found) return found
      // What is still being answered when the session ends, ends with it.
      const expiresAtMs = Math.min(found.expiresAtMs ?? Number.POSITIVE_INFINITY, Date.now() + longestMs)
      return { holder: { ...found, expiresAtMs }, expiresAtMs }
    },
  })
}
