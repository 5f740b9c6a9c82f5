/** The doors: bytes in, an Arrival out, a Reply back. */

export type { ServingOptions } from './arrival-server.ts'
export { type ConnectionShares, createConnectionShares } from './connection-shares.ts'
export type { DenyInside } from './denied-tunnel.ts'
export { createDoors } from './doors.ts'
export { createErrorBoundary } from './error-boundary.ts'
export { type Callers, createIdentify, type Identify, identified } from './identify.ts'
export { createInterceptDoor } from './intercept.ts'
export { type Listener, openListener } from './listener.ts'
export { createPolicyDoor } from './policy-door.ts'
export { createIds } from './request-id.ts'
export { selfUrlOf } from './self-url.ts'
