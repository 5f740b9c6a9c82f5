/** The doors: bytes in, an Arrival out, a Reply back. */
export { createConnectDoor } from './connect.ts'
export { createIdentify, type Directory, type Identify } from './identify.ts'
export { createInterceptDoor } from './intercept.ts'
export { type Listener, openListener } from './listener.ts'
export { createProxyDoor } from './proxy.ts'
export { createIds } from './request-id.ts'
