/** What decides: the active policy, and beside it the shadow policy where one is configured. */
import type { Config } from '../config/index.ts'
import type { ExternalCalls, JsonObject, Policy } from '../core/index.ts'
import { type Compile, failureKinds, type LibrarySource } from '../opa/index.ts'
import { createExternalCaller, createPolicy, type PolicyStation } from '../policy/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { ReferenceReports } from './reference-reports.ts'
import { createShadow, createShadowSeries, type Shadow, type ShadowNote } from './shadow.ts'

export interface PoliciesOptions {
  readonly config: Config
  readonly compile: Compile
  readonly library: LibrarySource
  /** Holds both policies to OPA's own SDK; `null`: nothing does. */
  readonly referenceReports: ReferenceReports | null
  /** As in `PolicyOptions`. */
  readonly harden?: ((wasm: Uint8Array) => Uint8Array) | undefined
  readonly readContext: (integration: string, origin: string | null) => JsonObject
  /** Answers what rules are granted to ask. */
  readonly externalCalls: ExternalCalls
  /** A record in the audit log. */
  readonly note: ShadowNote
  readonly logger: Logger
  readonly metrics: Metrics
}

export interface Policies {
  /** What the path asks: the active policy, and the shadow beside it where there is one. */
  readonly policy: Policy
  readonly active: PolicyStation
  /** `null`: none is configured. */
  readonly shadow: Shadow | null
}

export function createPolicies(options: PoliciesOptions): Policies {
  const { config, compile, library, referenceReports, harden, readContext, externalCalls, note, logger, metrics } = options
  const failures = metrics.labelledCounter('sallyport_policy_failures_total', 'Failed evaluations; each denied.', 'kind', failureKinds)
  const { maxMemoryPages, maxEvaluationMs, grants } = config.policy
  const shared = {
    ...(harden && { harden }),
    cacheFolder: config.state.policies,
    ...{ compile, library, readContext, maxMemoryPages, grants },
    ask: createExternalCaller(externalCalls),
    referenceEvaluator: referenceReports?.reference,
  }
  const active = createPolicy({
    ...shared,
    maxEvaluationMs,
    onFailure(kind, error) {
      failures.inc({ kind })
      logger.warn({ kind, err: error }, 'the policy failed on a request, which was denied')
    },
  })
  const series = createShadowSeries(metrics)
  const { shadow: settings } = config.policy
  const shadow = settings === null ? null : createShadow({ file: config.file, settings, shared, active, note, logger, series })
  return { policy: shadow?.withShadow ?? active, active, shadow }
}
