/** The doors: bytes in, an Arrival out, a Reply back. */
export { createDoors } from './doors.ts'
export { createIdentify } from './identify.ts'
export { createInterceptDoor } from './intercept.ts'
export { type Listener, openListener } from './listener.ts'
export { createPolicyDoor } from './policy-door.ts'
export { createIds } from './request-id.ts'
