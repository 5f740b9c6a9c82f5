/** Decide: manifests and Rego in, decisions out. */
export { createCompile, RegoError } from './compiler/index.ts'
export { loadManifests, type ManifestSet, manifestJsonSchema } from './manifests/index.ts'
export { createPolicy, type PolicyStation } from './policy.ts'
