/** Manifests: what each integration may do. */
export type { ManifestDefaults } from './decode.ts'
export { loadManifests, type ManifestSet } from './load.ts'
export { manifestJsonSchema } from './schema.ts'
