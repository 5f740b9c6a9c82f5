/** The manifests and rules of this machine, reported like a bundle called `local`. */

import { initialStatus } from '../bundles/index.ts'
import { RegoError } from '../opa/index.ts'
import type { BundleReport } from './bundle-status.ts'

export interface LocalStatus {
  activated(revision: string): void
  rejected(error: unknown): void
  read(): BundleReport
}

/** What OPA says of Rego that does not compile; the places stand in `errors`. */
const compileError = 'error(s) occurred while compiling module(s)'

export function createLocalStatus(): LocalStatus {
  let status: BundleReport = initialStatus('local')
  const now = () => new Date().toISOString()
  return {
    activated(activeRevision) {
      const at = now()
      const read = { lastRequest: at, lastSuccessfulRequest: at, lastSuccessfulDownload: at }
      status = { ...status, ...read, activeRevision, lastSuccessfulActivation: at, code: null, message: null, errors: [] }
    },
    rejected(error) {
      const [message, errors] = error instanceof RegoError ? [compileError, error.problems] : [(error as Error).message, []]
      status = { ...status, lastRequest: now(), code: 'bundle_error', message, errors }
    },
    read: () => status,
  }
}
