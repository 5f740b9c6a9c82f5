/** What of an incident's records is proved, and how it is checked without this machine. */
import { formatProof, leafHash, openProver, ProofError } from '../proof/index.ts'

export interface ProvedRecords {
  /** Why nothing, or not all, could be proved; `null`: all is. */
  readonly problem: string | null
  /** The checkpoint that all proofs are under; noted elsewhere, it is what a report is checked against. */
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string; readonly key: string } | null
  /** `hash`: RFC 9162 leaf hash of the record, in hexadecimal digits, as `audit verify --contains` takes it. */
  readonly records: readonly { readonly record: number; readonly hash: string }[]
}

const maxProved = 500

/** Of each record once, in the log's order. Never throws: a log that proves nothing still has a report, which says so. */
export function prove(
  log: string,
  archive: string | null,
  indexes: readonly number[],
): { readonly proved: ProvedRecords; readonly proofs: ReadonlyMap<number, string> } {
  const wanted = [...new Set(indexes)].sort((a, b) => a - b)
  const proofs = new Map<number, string>()
  const records: { readonly record: number; readonly hash: string }[] = []
  const problems = new Set<string>()
  if (wanted.length > maxProved) problems.add(`only the first ${maxProved} of ${wanted.length} records are proved here`)
  try {
    const prover = openProver(log, { archive })
    try {
      const { size: signed } = prover.checkpoint
      const unsigned = wanted.filter((index) => index >= signed).length
      if (unsigned > 0) problems.add(`${unsigned} are behind the checkpoint: a gateway that runs signs the next one within a second`)
      for (const index of wanted.slice(0, maxProved)) {
        if (index >= signed) break
        try {
          const proof = prover.prove(index)
          proofs.set(index, formatProof(proof))
          records.push({ record: index, hash: leafHash(proof.record).toString('hex') })
        } catch (error) {
          if (!(error instanceof ProofError)) throw error
          problems.add(error.message)
        }
      }
      const { origin, size, root } = prover.checkpoint
      const checkpoint = { origin, size, root: root.toString('base64'), key: prover.key.text }
      return { proved: { problem: problems.size === 0 ? null : [...problems].slice(0, 5).join('; '), checkpoint, records }, proofs }
    } finally {
      prover.close()
    }
  } catch (error) {
    return { proved: { problem: (error as Error).message, checkpoint: null, records: [] }, proofs: new Map() }
  }
}
