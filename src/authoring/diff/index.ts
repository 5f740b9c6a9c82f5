/** Two revisions compared. */
export { type CapabilityChange, diffManifests, type IntegrationChange } from './manifests.ts'
export { diffRules } from './rules.ts'
