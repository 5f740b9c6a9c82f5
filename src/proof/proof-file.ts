/** Proofs that a record is in a log, as files that need nothing else (c2sp.org/tlog-proof@v1). */
import { type Checkpoint, isSize, openCheckpoint } from './checkpoint.ts'
import { hashBytes, holdsInclusion, leafHash } from './merkle.ts'
import { exactBase64, type VerifierKey } from './note.ts'
import { ProofError } from './proof-error.ts'

export interface InclusionProof {
  readonly index: number
  /** As it is stored in the log; it is the file's `extra` data. */
  readonly record: Buffer
  readonly hashes: readonly Buffer[]
  /** The signed note that covers the record. */
  readonly checkpoint: string
}

const header = 'c2sp.org/tlog-proof@v1'

export function formatProof({ index, record, hashes, checkpoint }: InclusionProof): string {
  return [
    header,
    `extra ${record.toString('base64')}`,
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
    '',
    checkpoint,
  ].join('\n')
}

/** Throws `ProofError` where the bytes are not a proof with its record. */
export function parseProof(bytes: Buffer): InclusionProof {
  const text = bytes.toString('utf8')
  const end = text.indexOf('\n\n')
  const [first, extra = '', index = '', ...lines] = text.slice(0, end).split('\n')
  const record = extra.startsWith('extra ') ? exactBase64(extra.slice(6)) : null
  const hashes = lines.map(exactBase64)
  if (first !== header || end < 0) throw new ProofError(`it is not a proof: its first line is not ${header}, or it has no checkpoint`)
  if (record === null)
    throw new ProofError('the proof does not have the record that it is about: its second line is not "extra" with base64')
  if (!index.startsWith('index ') || !isSize(index.slice(6))) throw new ProofError('the proof does not say the index of its record')
  if (hashes.some((hash) => hash?.byteLength !== hashBytes)) throw new ProofError('the proof has a line that is not a hash')
  return { index: Number(index.slice(6)), record, hashes: hashes as Buffer[], checkpoint: text.slice(end + 2) }
}

export interface ProvedRecord {
  readonly index: number
  readonly record: Buffer
  readonly checkpoint: Checkpoint
}

/** Throws `ProofError` where it does not hold: by the log's key, and by each witness that is given. */
export function verifyProof(bytes: Buffer, key: VerifierKey, witnesses: readonly VerifierKey[] = []): ProvedRecord {
  const { index, record, hashes, checkpoint: note } = parseProof(bytes)
  const checkpoint = openCheckpoint(Buffer.from(note), key, witnesses)
  const missing = witnesses.find((witness) => !checkpoint.signatures.some(({ key: signer }) => signer === witness))
  if (missing !== undefined) throw new ProofError(`the checkpoint has no cosignature of ${missing.name}`)
  if (!holdsInclusion(leafHash(record), index, checkpoint.size, hashes, checkpoint.root))
    throw new ProofError(`the proof does not hold: this is not record ${index} of the log that was signed`)
  return { index, record, checkpoint }
}
