/** What one set of manifests allows that another does not. */
export { type CapabilityChange, diffManifests, type IntegrationChange } from './manifests.ts'
