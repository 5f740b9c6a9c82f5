/** What can be touched: one kind per folder or file. */
export { createFileResource } from './files/index.ts'
export { createHttpResource, createPools } from './http/index.ts'
export { createLookupResource } from './lookup.ts'
export { createSelfResource } from './self.ts'
export { createServiceResource } from './service/index.ts'
export { createTunnelResource, type TunnelResourceOptions } from './tunnel.ts'
