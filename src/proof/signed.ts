/** What of a log is signed, by the key that it should be signed with: its checkpoint, and those that were kept elsewhere. */
import { type Checkpoint, openCheckpoint, parseBody } from './checkpoint.ts'
import type { Findings } from './finding.ts'
import type { LogFiles } from './log-files.ts'
import { parseNote, parseVerifierKey, type VerifierKey } from './note.ts'
import { ProofError } from './proof-error.ts'
import { firstDifference } from './tree-pass.ts'

/** `name`: what it is called in findings, such as its file. Of one that was noted by hand size and root are enough. */
export type NotedCheckpoint = { readonly name: string } & ({ readonly bytes: Buffer } | NotedHead)

interface NotedHead {
  readonly size: number
  readonly root: Buffer
}

export interface Signed {
  readonly key: { readonly text: string; readonly isFromFolder: boolean } | null
  /** `null`: it does not hold, which was reported. */
  readonly own: Checkpoint | null
  readonly noted: readonly (NotedHead & { readonly name: string })[]
  readonly cosignatures: readonly { readonly name: string; readonly id: string; readonly time: number; readonly size: number }[]
  /** How many records there must be; where the checkpoint does not hold, what it says nevertheless. */
  readonly size: number
}

interface Options {
  readonly key?: VerifierKey | null
  readonly witnesses?: readonly VerifierKey[]
  readonly checkpoints?: readonly NotedCheckpoint[]
}

/** `note`: the bytes of the log's checkpoint. */
export function openSigned(log: LogFiles, note: Buffer | null, options: Options, findings: Findings): Signed {
  const { witnesses = [], checkpoints = [] } = options
  const key = keyOf(log, options.key ?? null, findings)
  const open = (name: string, bytes: Buffer) => {
    if (key === null) return null
    try {
      return openCheckpoint(bytes, key, witnesses)
    } catch (error) {
      if (!(error instanceof ProofError)) throw error
      findings.reportFile(name, error.message)
      return null
    }
  }
  if (note === null) findings.reportFile('checkpoint', 'is missing: nothing is signed')
  const own = note === null ? null : open('checkpoint', note)
  const bytes = log.read('witnessed')
  const witnessed = bytes === null ? null : open('witnessed', bytes)
  const cosignatures = cosignaturesOf(witnessed, own)
  // A checkpoint is published first, and cosigned later: that is beside it.
  for (const { name, id } of own === null ? [] : witnesses)
    if (!cosignatures.some((found) => found.name === name && found.id === id))
      findings.reportFile('checkpoint', `has no cosignature of ${name}`)
  const noted = checkpoints.flatMap((one) => {
    const head = 'bytes' in one ? open(one.name, one.bytes) : one
    return head === null ? [] : [{ name: one.name, size: head.size, root: head.root }]
  })
  return {
    key: key === null ? null : { text: key.text, isFromFolder: options.key == null },
    own,
    noted: witnessed === null ? noted : [...noted, { name: 'witnessed', size: witnessed.size, root: witnessed.root }],
    cosignatures,
    size: own?.size ?? saidSize(note),
  }
}

/** Of known witnesses, each once: the newest. */
function cosignaturesOf(...checkpoints: readonly (Checkpoint | null)[]): Signed['cosignatures'] {
  const all = checkpoints.flatMap((checkpoint) =>
    (checkpoint?.signatures ?? []).flatMap(({ key: { name, id }, time }) =>
      time === null ? [] : [{ name, id, time, size: checkpoint?.size ?? 0 }],
    ),
  )
  return [...new Map(all.map((one) => [`${one.name} ${one.id}`, one])).values()]
}

function keyOf(log: LogFiles, given: VerifierKey | null, { reportFile }: Findings): VerifierKey | null {
  const bytes = log.read('verifier-key')
  if (bytes === null) reportFile('verifier-key', 'is missing')
  if (given !== null) {
    const expected = Buffer.from(`${given.text}\n`)
    if (bytes !== null && !bytes.equals(expected))
      reportFile('verifier-key', 'is not the key that was given', firstDifference(bytes, expected))
    return given
  }
  try {
    return bytes === null ? null : parseVerifierKey(bytes.toString('utf8'))
  } catch (error) {
    reportFile('verifier-key', (error as Error).message)
    return null
  }
}

/** Where nothing is signed, the records are looked at nevertheless. */
function saidSize(note: Buffer | null): number {
  try {
    return note === null ? 0 : parseBody(parseNote(note).text).size
  } catch {
    return 0
  }
}
