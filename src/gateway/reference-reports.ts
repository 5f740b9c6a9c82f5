/** Joins the other evaluator, OPA's own SDK, with where its results are reported: metrics, the operational log, the audit record. */

import type { Json } from '../core/index.ts'
import { readNewest } from '../records/index.ts'
import { createReference, createSdk, type Reference, type SkipReason, skipReasons } from '../reference/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface ReferenceCounts {
  readonly checked: number
  readonly differences: number
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>
}

export interface ReferenceReports {
  readonly reference: Reference
  /** Since the start. */
  counts(): ReferenceCounts
  close(): void
}

export interface ReferenceReportOptions {
  readonly perSecond: number
  /** What was decided recently is asked about before another policy decides. */
  readonly auditFolder: string
  readonly redact: { text(text: string): string; document(value: Json): Json }
  readonly note: (type: 'reference', facts: Readonly<Record<string, string>>) => void
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Some hundred decisions. */
const maxRecordedBytes = 256 * 1024

export function createReferenceReports({
  perSecond,
  auditFolder,
  redact,
  note,
  logger,
  metrics,
}: ReferenceReportOptions): ReferenceReports {
  const checkedTotal = metrics.counter(
    'sallyport_policy_reference_checked_total',
    'Evaluations that OPA’s own SDK was asked about as well.',
  )
  const differencesTotal = metrics.counter('sallyport_policy_reference_differences_total', 'Evaluations that it answered differently.')
  const skippedTotal = metrics.labelledCounter(
    'sallyport_policy_reference_skipped_total',
    'Evaluations of the sample that it could not be asked about.',
    'reason',
    skipReasons,
  )
  const skipped: Partial<Record<SkipReason, number>> = {}
  let checked = 0
  let differences = 0
  const reference = createReference({
    sdk: createSdk(),
    perSecond,
    recorded: () => readNewest(auditFolder, 'decided', maxRecordedBytes),
    redact,
    onChecked() {
      checked += 1
      checkedTotal.inc()
    },
    onSkipped(reason) {
      skipped[reason] = (skipped[reason] ?? 0) + 1
      skippedTotal.inc({ reason })
    },
    onDifference(difference) {
      differences += 1
      differencesTotal.inc()
      note('reference', { ...difference })
      logger.error({ ...difference }, 'the gateway’s evaluator and OPA’s own SDK answer differently: report this, with both answers')
    },
    onError: (error) => logger.error({ err: error }, 'a comparison with OPA’s own SDK failed'),
  })
  // It takes a moment, beside what else a start takes.
  reference.start()
  return {
    reference,
    counts: () => ({ checked, differences, skipped: { ...skipped } }),
    close: reference.close,
  }
}
