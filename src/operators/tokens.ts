/** Bearer tokens of the configuration. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { AdminConfig } from '../config/index.ts'
import type { Principal } from './principal.ts'

/** The holder of a token; `null` where nobody is. The same work is done for every token, whichever it is, so that its time tells nothing. */
export function createTokens({ tcp, tokens }: Pick<AdminConfig, 'tcp' | 'tokens'>): (presented: string) => Principal | null {
  const single = tcp?.token ?? null
  const known = [
    ...(single === null ? [] : [{ name: 'admin', role: 'operator', personal: false, secret: { token: single } } as const]),
    ...tokens,
  ].map(({ name, role, personal, secret }) => ({
    hash: 'token' in secret ? hash('sha256', secret.token, 'buffer') : Buffer.from(secret.sha256, 'hex'),
    principal: { name, role, personal, by: 'token', expiresAtMs: null } satisfies Principal,
  }))
  return (presented) => {
    const given = hash('sha256', presented, 'buffer')
    let found: Principal | null = null
    for (const { hash: own, principal } of known) if (timingSafeEqual(own, given)) found = principal
    return found
  }
}
