/** Manifests: what each integration may do. */
export type { ManifestDefaults } from './decode.ts'
export { createDirectory, type Directory } from './directory.ts'
export { indexManifest } from './index-manifests.ts'
export { loadManifests, type ManifestTexts, manifestFiles } from './load.ts'
export { filePattern, hostPattern, pathPattern } from './patterns.ts'
export { manifestJsonSchema } from './schema.ts'
export { suggestion } from './suggestion.ts'
