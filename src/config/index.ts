/** sallyport.yaml, and the decoder that manifests share. */

export type { Config, ListenerConfig } from './config.ts'
export { ConfigError, type ConfigProblem } from './config-error.ts'
export { decodeYaml } from './decode-yaml.ts'
export { breakerFrom, breakerSchema, limitsFrom, limitsSchema } from './limits-schema.ts'
export { loadConfig } from './load.ts'
export { type BundleConfig, type ServerConfig, type SignatureAlgorithm, signatureAlgorithms } from './policy-config.ts'
export { cidr, duration, name, size } from './quantities.ts'
export { maxTextBytes, readText } from './read-text.ts'
export { requireKnown } from './references.ts'
export { configJsonSchema } from './schema.ts'
export { type AuthorityFolder, stateFolder, type TrustFolder, trustFolder } from './state-folder.ts'
export { badAlias } from './yaml-document.ts'
