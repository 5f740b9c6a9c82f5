/** sallyport.yaml, and the decoder that manifests share. */
export type { Address, Config, HttpConfig, ListenerConfig, ServiceConfig } from './config.ts'
export { ConfigError, type ConfigProblem } from './config-error.ts'
export { decodeYaml } from './decode-yaml.ts'
export { breakerFrom, breakerSchema, limitsFrom, limitsSchema } from './limits-schema.ts'
export { loadConfig } from './load.ts'
export { cidr, duration, name, size } from './quantities.ts'
export { configJsonSchema } from './schema.ts'
export { watchFolder } from './watch-folder.ts'
