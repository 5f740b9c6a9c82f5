/** Files below the roots that a manifest names. */
export { createFileResource } from './file-resource.ts'
