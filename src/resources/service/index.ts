/** Named services of the configuration, through a proxy library that is given objects of ours alone. */
export { createServiceResource } from './service-resource.ts'
