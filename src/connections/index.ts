/** What is open, and is evaluated again when the policy or its caller's identity changes. */
export { createOpenConnections } from './open-connections.ts'
