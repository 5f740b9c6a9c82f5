/** Who asks on the operator's side, and what they may do there. */
export { type Authenticate, createAuthenticate } from './authenticate.ts'
export { mayActAs, type Principal, socketPrincipal } from './principal.ts'
