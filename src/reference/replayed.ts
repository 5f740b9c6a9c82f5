/** Every evaluation compared with the other evaluator, in batches, for a command that has the time. */
import type { Evaluation, SkipReason } from './evaluation.ts'
import { type Compared, createReference, type Disagreement, type Reference, type ReferenceOptions, type Subject } from './reference.ts'
import { createSdk } from './sdk.ts'

export interface EveryReference {
  /** For the policy that evaluates. */
  readonly reference: Reference
  /** Compares what waits once it is a batch, or in any case. */
  compare(atOnce?: boolean): Promise<void>
  result(): Compared & { readonly differences: readonly Disagreement[] }
}

const batch = 64

export function createEveryReference(redact: ReferenceOptions['redact']): EveryReference {
  const waiting: { subject: Subject; evaluation: Evaluation }[] = []
  const differences: Disagreement[] = []
  const skipped: Partial<Record<SkipReason, number>> = {}
  let checked = 0
  const reference = createReference({
    sdk: createSdk({ maxQuestionMs: 2000, maxMs: 120_000 }),
    perSecond: 1,
    redact,
    onChecked() {
      checked += 1
    },
    onSkipped(reason) {
      skipped[reason] = (skipped[reason] ?? 0) + 1
    },
    onDifference: (difference) => void differences.push(difference),
  })
  return {
    reference: {
      ...reference,
      isDue: () => true,
      sample: (subject, evaluation) => void waiting.push({ subject, evaluation }),
      // What was recorded is the sample.
      check: async () => ({ checked: 0, skipped: {} }),
    },
    async compare(atOnce = false) {
      if (!atOnce && waiting.length < batch) return
      const taken = waiting.splice(0)
      const [first] = taken
      if (first === undefined) return
      await reference.compare(
        first.subject,
        taken.map(({ evaluation }) => evaluation),
      )
    },
    result: () => ({ checked, skipped, differences }),
  }
}
