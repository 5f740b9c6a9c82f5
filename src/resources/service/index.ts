/** Named services of the configuration, through a proxy library that gets only objects of the gateway. */
export { createServiceResource } from './service-resource.ts'
