/** The doors: bytes in, an Arrival out, a Reply back. */
export { createBrokerDoor } from './broker.ts'
export { createConnectDoor } from './connect.ts'
export { createIdentify, type Directory } from './identify.ts'
export { createInterceptDoor, type InterceptDoor } from './intercept.ts'
export { type Listener, openListener } from './listener.ts'
export { createProxyDoor } from './proxy.ts'
export { createIds } from './request-id.ts'
export { createServicesDoor } from './services.ts'
