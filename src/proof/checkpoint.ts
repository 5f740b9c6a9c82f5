/** Checkpoints (c2sp.org/tlog-checkpoint): the signed size and root of a log. */
import { exactBase64, parseNote, type VerifiedSignature, type VerifierKey, verifyNote } from './note.ts'
import { ProofError } from './proof-error.ts'

export interface Checkpoint {
  readonly origin: string
  /** How many records it covers. */
  readonly size: number
  readonly root: Buffer
  /** The note as it stands, with its signatures. */
  readonly note: string
  /** The signed part of it. */
  readonly text: string
  readonly signatures: readonly VerifiedSignature[]
}

/** Throws `ProofError` where it is not a checkpoint that `key` has signed; `witnesses`: whose cosignatures are verified too. */
export function openCheckpoint(bytes: Buffer, key: VerifierKey, witnesses: readonly VerifierKey[] = []): Checkpoint {
  const note = parseNote(bytes)
  const signatures = verifyNote(note, key, witnesses)
  const { origin, size, root } = parseBody(note.text)
  if (origin !== key.name) throw new ProofError(`the checkpoint is of ${origin}, and the key of ${key.name}`)
  return { origin, size, root, note: bytes.toString('utf8'), text: note.text, signatures }
}

/** What a note says that need not be signed. */
export function parseBody(text: string): Pick<Checkpoint, 'origin' | 'size' | 'root'> {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n')
  const hash = exactBase64(root)
  if (origin === '' || !isSize(size) || hash?.byteLength !== 32 || rest.at(-1) !== '' || rest.slice(0, -1).includes(''))
    throw new ProofError('the note is not a checkpoint: it is origin, size and root, one per line')
  return { origin, size: Number(size), root: hash }
}

/** A number of records, or an index, in decimal and without leading zeroes. */
export function isSize(text: string): boolean {
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text))
}
