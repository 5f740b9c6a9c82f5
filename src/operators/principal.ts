/** Someone who asks on the operator's side. */
import { type Right, type Role, roles } from '../config/index.ts'

export interface Principal extends Right {
  /** As the configuration or the provider calls it. */
  readonly name: string
  readonly by: 'socket' | 'token' | 'certificate' | 'oidc'
  /** When the proof ends (milliseconds since the epoch): what is still being answered then ends too. `null`: never. */
  readonly expiresAtMs: number | null
}

/** Who may open the socket (mode 0600) may read the files of the log as well: nothing is kept from it. */
export const socketPrincipal: Principal = { name: 'socket', by: 'socket', role: 'operator', personal: true, expiresAtMs: null }

/** Each role may do what those before it may. */
export function mayActAs({ role }: Right, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed)
}
