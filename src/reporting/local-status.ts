/** The status of each bundle in OPA's form, and of the manifests and rules of this machine as a bundle called `local`. */
import { type BundleStatus, initialStatus } from '../bundles/index.ts'
import { RegoError } from '../opa/index.ts'

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

/** From the bundle's source; for rules of this machine with the places of errors. */
export type BundleReport = Omit<BundleStatus, 'errors'> & { readonly errors: readonly (string | RegoError['problems'][number])[] }

/** Go writes a time that never was so. */
const never = '0001-01-01T00:00:00Z'

/** Keys and their order are OPA's. `maskText` keeps secrets out of messages. */
export function bundleStatusDocument(bundle: BundleReport, maskText: (text: string) => string) {
  const { name, activeRevision, type, size, code } = bundle
  return {
    name,
    ...(activeRevision !== null && { active_revision: activeRevision }),
    last_successful_activation: bundle.lastSuccessfulActivation ?? never,
    ...(type !== null && { type }),
    ...(size !== null && { size }),
    last_successful_download: bundle.lastSuccessfulDownload ?? never,
    last_successful_request: bundle.lastSuccessfulRequest ?? never,
    last_request: bundle.lastRequest ?? never,
    ...(code !== null && problemDocument(bundle, maskText)),
  }
}

function problemDocument({ code, message, errors, httpCode }: BundleReport, maskText: (text: string) => string) {
  return {
    code,
    message: maskText(message ?? ''),
    ...(errors.length > 0 && { errors: errors.map((error) => errorDocument(error, maskText)) }),
    // OPA's is a json.Number, which is written bare.
    ...(httpCode !== null && { http_code: httpCode }),
  }
}

function errorDocument(error: BundleReport['errors'][number], maskText: (text: string) => string) {
  if (typeof error === 'string') return { message: maskText(error) }
  const { code, message, file, row, column } = error
  return { code, message: maskText(message), location: { file, row, col: column } }
}
