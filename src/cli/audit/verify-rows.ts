/** What `sallyport audit verify` says of a log, for a person. */
import { ProofError, placeOf, type Verification, type VerifierKey, verifyProof } from '../../proof/index.ts'

/** From then on there may be more, which are not listed. */
const manyFindings = 100

/** `holds`: nothing is wrong, or nothing but what was closed and is accepted. */
export function* verificationRows(found: Verification, holds: boolean): Generator<string> {
  const { findings, records, chain, segments, signed, key, cosignatures, noted, contains, closed } = found
  const open = found.unsettled > 0 ? `; ${found.unsettled} not settled (under way, or cut off by a crash)` : ''
  const of = signed === null ? `records in ${counted(segments, 'segment')}, the chain holds` : `records, the tree holds`
  if (findings.length === 0) yield `OK: ${records} ${of}${open}`
  else if (holds) yield `OK: ${records} records, all holds since the log was last closed; what was found before:`
  else yield `BROKEN: ${findings.length < manyFindings ? '' : 'the first '}${counted(findings.length, 'finding')} in ${records} records`
  for (const { file, line, offset, what, isClosed } of findings)
    yield `  ${placeOf({ file, line, offset })}: ${what}${isClosed ? ' (closed by "audit continue")' : ''}`
  if (signed !== null) yield `checkpoint ${signed.origin} ${signed.size} ${signed.root}`
  for (const { name, time, size } of cosignatures) yield `${size} records cosigned by ${name} at ${new Date(time * 1000).toISOString()}`
  if (signed !== null && found.unsigned > 0) yield `${found.unsigned} records behind the checkpoint are not signed yet`
  if (found.pruned > 0) yield `${found.pruned} records were removed by retention; their hashes hold`
  if (found.archived > 0) yield `${found.archived} records were read from the archive`
  if (chain === 'archived') yield 'the chain of before was moved elsewhere: the first record says what it was'
  for (const { folder, records: before } of closed) yield `closed ${folder}: ${before} records`
  for (const { head, file, line } of noted) if (file !== null) yield `noted ${head} is ${file}:${line}`
  for (const { hash, index } of contains) if (index !== null) yield `${hash} is record ${index}`
  if (signed === null) yield `head ${found.head}`
  if (key?.isFromFolder === true)
    yield `warning: verified by the key in the folder itself, which proves nothing against who can write the folder; note it elsewhere, and give it: --key ${key.text}`
}

interface ProofResult {
  readonly ok: boolean
  readonly problem?: string
  readonly origin?: string
  readonly index?: number
  readonly size?: number
  readonly cosignatures?: readonly { readonly name: string; readonly time: string }[]
  /** JSON, as it is in the log. */
  readonly record?: string
}

export function proofResult(bytes: Buffer, key: VerifierKey, witnesses: readonly VerifierKey[]): ProofResult {
  try {
    const { index, record, checkpoint } = verifyProof(bytes, key, witnesses)
    const { origin, size, signatures } = checkpoint
    const cosignatures = signatures.flatMap(({ key: { name }, time }) =>
      time === null ? [] : [{ name, time: new Date(time * 1000).toISOString() }],
    )
    return { ok: true, origin, index, size, cosignatures, record: record.toString('utf8') }
  } catch (error) {
    if (error instanceof ProofError) return { ok: false, problem: error.message }
    throw error
  }
}

export function* proofRows(file: string, { ok, problem, origin, index, size, cosignatures = [], record }: ProofResult): Generator<string> {
  if (!ok) {
    yield `BROKEN: ${file}: ${problem}`
    return
  }
  yield `OK: ${file}: record ${index} of the ${size} that ${origin} has signed`
  for (const { name, time } of cosignatures) yield `cosigned by ${name} at ${time}`
  yield `${record}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
