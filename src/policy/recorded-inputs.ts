/** Inputs of recorded decisions: requests that were really made, as far as the audit log holds them. */
import type { Integration } from '../core/index.ts'
import type { SampleInput } from '../reference/index.ts'
import { createWriteInput, type ReadContext } from './input.ts'
import { type DecidedRecord, isDecided, requestOf } from './recorded.ts'

const maxInputs = 32

/**
 * Of each way to a decision the newest, so that one busy caller is not all there is. What is masked or cut in a record is
 * left out of its input, which is one all the same: both evaluators are asked about what is there.
 */
export function recordedInputs(
  records: readonly unknown[],
  integrations: ReadonlyMap<string, Integration>,
  readContext: ReadContext,
): readonly SampleInput[] {
  const write = createWriteInput({ reads: [[]], probes: [] }, readContext)
  const ways = new Map<string, DecidedRecord>()
  for (const record of records) {
    if (!isDecided(record)) continue
    const { integration, kind, action, allow, rule } = record
    const way = JSON.stringify([integration, kind, action, allow, rule])
    if (!ways.has(way)) ways.set(way, record)
    if (ways.size === maxInputs) break
  }
  return [...ways.values()].flatMap((record) => {
    try {
      const { request, claim } = requestOf(record, (name) => integrations.get(name))
      return [{ integration: record.integration, input: write(request, claim) }]
    } catch {
      // Of another version, or changed by hand.
      return []
    }
  })
}
