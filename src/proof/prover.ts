/** Makes proofs from a log's folder: that a record is in it, and that it has grown out of what it was. */
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { LogFiles } from './log-files.ts'
import { holdsConsistency, holdsInclusion, leafHash, tileWidth } from './merkle.ts'
import { parseVerifierKey, type VerifierKey } from './note.ts'
import { ProofError } from './proof-error.ts'
import type { InclusionProof } from './proof-file.ts'
import { takeSnapshot } from './snapshot.ts'
import { StoredTree } from './stored-tree.ts'

export interface ProverOptions {
  /** Else the folder's own: what is proved is verified by who reads it. */
  readonly key?: VerifierKey | null
  readonly archive?: string | null
}

export interface Prover {
  /** The newest checkpoint of the log. */
  readonly checkpoint: Checkpoint
  readonly key: VerifierKey
  /** Of the records with this id, in their order. */
  find(id: string): readonly number[]
  /** Under the newest checkpoint that a witness has cosigned, where that covers it. Throws `ProofError` where it cannot be proved. */
  prove(index: number): InclusionProof
  /** Root of the first records. */
  root(size: number): Buffer
  /** Throws `ProofError` where the one is not the beginning of the other. */
  consistency(older: Pick<Checkpoint, 'size' | 'root'>, newer: Pick<Checkpoint, 'size' | 'root'>): readonly Buffer[]
  close(): void
}

const whatToDo = '"sallyport audit verify" tells what is wrong with the log'

/** Of the log as it is now. Throws `ProofError` where it has no checkpoint that holds, and what the file system throws. */
export function openProver(folder: string, { key: given = null, archive = null }: ProverOptions = {}): Prover {
  const log = new LogFiles(folder, archive)
  const { wal, note } = takeSnapshot(log)
  try {
    if (note === null) throw new ProofError(`there is no checkpoint in ${folder}: nothing can be proved without one`)
    const key = given ?? parseVerifierKey((log.read('verifier-key') ?? '').toString())
    const checkpoint = openCheckpoint(note, key)
    const cosigned = openCosigned(log, key)
    const tree = new StoredTree(log, wal)
    return {
      checkpoint,
      key,
      find(id) {
        const found: number[] = []
        const mark = Buffer.from(`"id":${JSON.stringify(id)}`)
        for (let block = 0; block * tileWidth < checkpoint.size; block += 1) {
          if (!tree.mayHave(block, mark)) continue
          for (const [index, record] of tree.block(block))
            if (index < checkpoint.size && record.includes(mark) && idOf(record) === id) found.push(index)
        }
        return found
      },
      prove(index) {
        if (index >= checkpoint.size)
          throw new ProofError(
            `record ${index} is not under the checkpoint, which covers ${checkpoint.size}: a gateway that runs signs the next one within a second`,
          )
        const by = cosigned !== null && index < cosigned.size ? cosigned : checkpoint
        const record = tree.record(index)
        const hashes = tree.inclusion(index, by.size)
        if (!holdsInclusion(leafHash(record), index, by.size, hashes, by.root))
          throw new ProofError(`record ${index} cannot be proved: its hashes do not give the root that was signed; ${whatToDo}`)
        return { index, record, hashes, checkpoint: by.note }
      },
      root: (size) => tree.root(size),
      consistency(older, newer) {
        const hashes = older.size > newer.size ? [] : tree.consistency(older.size, newer.size)
        if (!holdsConsistency(older, newer, hashes))
          throw new ProofError(`the log of ${newer.size} records has not grown out of the one of ${older.size}: they have other records`)
        return hashes
      },
      close: () => wal.close(),
    }
  } catch (error) {
    wal.close()
    throw error
  }
}

/** `null` where there is none that holds, which verifying the log reports. */
function openCosigned(log: LogFiles, key: VerifierKey): Checkpoint | null {
  const witnessed = log.read('witnessed')
  try {
    return witnessed === null ? null : openCheckpoint(witnessed, key)
  } catch (error) {
    if (error instanceof ProofError) return null
    throw error
  }
}

function idOf(record: Buffer): unknown {
  try {
    return (JSON.parse(record.toString('utf8')) as { id?: unknown } | null)?.id
  } catch {
    return undefined
  }
}
