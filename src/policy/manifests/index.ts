/** Manifests: what each integration may do. */
export type { ManifestDefaults } from './decode.ts'
export { createDirectory, type Directory } from './directory.ts'
export { loadManifests, manifestFiles } from './load.ts'
export { manifestJsonSchema } from './schema.ts'
export { suggestion } from './suggestion.ts'
