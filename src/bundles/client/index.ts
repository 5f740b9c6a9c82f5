/** OPA-style services over HTTP(S): the client that bundles, decision logs and status share. */
export { createServerClient, type Server } from './server.ts'
export { ServerError } from './server-error.ts'
export { retryAfterMs, webhookHeaders } from './webhook-headers.ts'
