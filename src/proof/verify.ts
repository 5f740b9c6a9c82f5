/** Verifies a log by its files alone: what is signed, what is stored, and whether the one is the other. */
import { bundleFile } from './blocks.ts'
import { type ChainVerification, verifyChain } from './chain.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type Continued, continuedFrom, verifyClosed } from './closed.ts'
import { createContains } from './contains.ts'
import { Findings } from './finding.ts'
import { findLeftovers } from './leftovers.ts'
import { LogFiles } from './log-files.ts'
import { tileWidth } from './merkle.ts'
import { checkRoots } from './roots.ts'
import { openSigned } from './signed.ts'
import { takeSnapshot } from './snapshot.ts'
import { type Pass, passOver } from './tree-pass.ts'
import type { Verification, VerifyOptions } from './verification.ts'

/** Throws what the file system throws, of a folder that is not there too. */
export async function verifyAudit(folder: string, options: VerifyOptions = {}): Promise<Verification> {
  const { continued, ...found } = await verifyPart(folder, options)
  const findings = new Findings()
  const { archive = null } = options
  const closed = await verifyClosed(folder, continued, findings, (part) => verifyPart(part, { archive }))
  const all = [...closed.flatMap((part) => part.findings), ...found.findings, ...findings.sorted()]
  return { ...found, ok: all.length === 0, findings: all, closed }
}

/** Without what was closed before it. */
async function verifyPart(folder: string, options: VerifyOptions): Promise<Verification & { readonly continued: Continued | null }> {
  const findings = new Findings()
  const log = new LogFiles(folder, options.archive)
  const chain = await verifyChain(folder, options.heads)
  const search = createContains(options.contains ?? [])
  const snapshot = takeSnapshot(log)
  const { wal, isTree } = snapshot
  try {
    const signed = isTree
      ? openSigned(log, snapshot.note, options, findings)
      : { key: null, own: null, noted: [], cosignatures: [], size: 0 }
    const sizes = [...new Set([signed.own, ...signed.noted].flatMap((checkpoint) => checkpoint?.size ?? []))].sort((a, b) => a - b)
    const pass = passOver({ log, wal, size: signed.size, sizes, report: findings.report, onLeaf: search.take })
    checkRoots(log, wal, pass, signed, findings)
    // A write-ahead file is removed as a whole, once its records are in bundles; until then it ends behind what is signed.
    if (wal.first !== null && wal.end.index < signed.size)
      findings.reportFile(wal.end.file, `ends before record ${wal.end.index}, and ${signed.size} are signed`, wal.end.offset)
    const pruned = checkGaps(pass, signed.size, options.archive ?? null, findings)
    findLeftovers(log, pass.total, snapshot.isOutdated, findings)
    const segments = checkMigrated(pass, chain, isTree, findings)
    const contains = search.result()
    for (const { hash, index } of contains) if (index === null) findings.reportFile('', `no record has the hash ${hash}`)
    const all = [...(segments === 'archived' ? [] : chain.findings), ...findings.sorted()]
    return {
      ok: all.length === 0,
      records: pass.total + chain.records,
      findings: all,
      unsettled: pass.records.unsettled + chain.unsettled,
      ...summaryOf(signed.own, signed.key),
      cosignatures: signed.cosignatures.map(({ name, time, size }) => ({ name, time, size })),
      unsigned: Math.max(0, pass.total - (signed.own?.size ?? 0)),
      pruned,
      archived: pass.archived,
      chain: segments,
      segments: chain.segments,
      head: signed.own?.root.toString('base64') ?? chain.head,
      noted: chain.noted,
      contains,
      closed: [],
      continued: continuedFrom(pass.records.first?.record),
    }
  } finally {
    wal.close()
  }
}

function summaryOf(own: Checkpoint | null, key: Verification['key']): Pick<Verification, 'signed' | 'key'> {
  return {
    signed: own === null ? null : { origin: own.origin, size: own.size, root: own.root.toString('base64') },
    key: key === null ? null : { text: key.text, isFromFolder: key.isFromFolder },
  }
}

/** Gives how many records were removed, and say so. */
function checkGaps({ gaps, records }: Pass, size: number, archive: string | null, { reportFile }: Findings): number {
  let pruned = 0
  for (const { from, end } of gaps) {
    const unexplained = Math.max(from, records.prunedBelow)
    pruned += Math.min(end, unexplained) - from
    if (unexplained < end)
      reportFile(
        fileOf(unexplained, size),
        `records ${unexplained} to ${end - 1} of ${size} are missing, and no record says that they were removed`,
      )
    for (const moved of archive === null ? [] : records.archived) {
      const [first, last] = [Math.max(from, moved.from), Math.min(end, moved.end) - 1]
      if (first <= last) reportFile(fileOf(first, size), `records ${first} to ${last} are not in the archive ${archive}`)
    }
  }
  return pruned
}

/** Where a record should be. */
function fileOf(index: number, size: number): string {
  const block = Math.floor(index / tileWidth)
  return (block + 1) * tileWidth <= size ? bundleFile(block) : 'wal'
}

/** The first record of a tree that came after a chain says what the chain was. */
function checkMigrated({ records, total }: Pass, chain: ChainVerification, isTree: boolean, findings: Findings): Verification['chain'] {
  const isThere = chain.segments > 0
  const first = records.first
  if (!isTree) return isThere ? chain : null
  if (first === null || first.record['type'] !== 'migrated') {
    if (isThere && first !== null && total > 0)
      findings.reportFile('00000001.jsonl', 'the first record of the log does not say that it came after this chain')
    return isThere ? chain : null
  }
  if (!isThere) return 'archived'
  const said = first.record
  for (const [member, found] of Object.entries({
    head: chain.head,
    records: chain.lastSeq,
    segments: chain.segments,
    closed: chain.sha256,
  }))
    if (said[member] !== found)
      findings.report(
        first.copy,
        `says that ${member} of the chain was ${JSON.stringify(said[member])}, and it is ${JSON.stringify(found)}`,
      )
  return chain
}
