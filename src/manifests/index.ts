/** Manifests: what each integration may do. */
export type { ManifestDefaults } from './decode.ts'
export { type CapabilityChange, diffManifests, type IntegrationChange } from './diff/index.ts'
export { indexManifest } from './index-manifests.ts'
export { createIntegrationRegistry, type IntegrationRegistry } from './integration-registry.ts'
export { loadManifests, type ManifestTexts, manifestFiles } from './load.ts'
export { filePattern, hostPattern, pathPattern } from './patterns.ts'
export { manifestJsonSchema } from './schema.ts'
export { suggestion } from './suggestion.ts'
