/** Decide: manifests and Rego in, decisions out. */
export { createCompile } from './compiler/index.ts'
export { failureKinds } from './failure.ts'
export { createDirectory, loadManifests, manifestJsonSchema } from './manifests/index.ts'
export { createPolicy } from './policy.ts'
