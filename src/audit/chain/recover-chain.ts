/** The log of before it became a tree, closed as it stands: checked as its start was, and hashed whole. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { cutTornTail } from '../torn-tail.ts'
import { brokenAt, genesis, hashLine, type Line, parseLine } from './line.ts'
import { checkSegmentLinks, lastLineOf } from './segment-links.ts'

export interface ClosedChain {
  /** Hash of the last line. */
  readonly head: string
  readonly records: number
  readonly segments: number
  /** Hex SHA-256 of all segments, one behind the other. */
  readonly closed: string
  /** Bytes of an incomplete last line, cut off and kept in `<segment>.broken`. */
  readonly cutBytes: number
  /** Ids that the last run decided and never settled. */
  readonly unsettled: readonly string[]
}

/**
 * Reads the last segment, and of each other its first and last line. Only an incomplete last line may be cut; anything else that
 * is wrong was changed by a person or a program. `names`: of the segments, at least one. Throws `AuditError` with file and line.
 */
export function closeChain(folder: string, names: readonly string[]): ClosedChain {
  const file = join(folder, names.at(-1) as string)
  const { whole, cutBytes } = cutTornTail(file)
  const previous = names.at(-2)
  if (whole.byteLength > 0) {
    checkSegmentLinks(folder, names)
    return { ...readChain(file, whole), segments: names.length, closed: hashAll(folder, names), cutBytes }
  }
  // It was begun, and the one before written to once more.
  const before = previous === undefined ? 0 : cutTornTail(join(folder, previous)).cutBytes
  checkSegmentLinks(folder, names.slice(0, -1))
  const end = endOf(folder, previous)
  return { ...end, segments: names.length, closed: hashAll(folder, names), cutBytes: cutBytes + before, unsettled: [] }
}

function readChain(file: string, bytes: Buffer): { records: number; head: string; unsettled: readonly string[] } {
  let before: { readonly line: Line; readonly head: string } | null = null
  const open = new Set<string>()
  for (const [index, lineBytes] of linesOf(bytes).entries()) {
    const line = parseLine(file, index + 1, lineBytes)
    if (before !== null && (line.prev !== before.head || line.seq !== before.line.seq + 1)) throw brokenAt(file, index + 1)
    if (line.type === 'started' || line.type === 'stopped') open.clear()
    if (line.type === 'decided' && line.id !== undefined) open.add(line.id)
    if (line.type === 'settled' && line.id !== undefined) open.delete(line.id)
    before = { line, head: hashLine(lineBytes) }
  }
  return { records: before?.line.seq ?? 0, head: before?.head ?? genesis, unsettled: [...open] }
}

/** The last segment was opened and nothing complete was written: the chain's end is the segment before. */
function endOf(folder: string, previous: string | undefined): { records: number; head: string } {
  if (previous === undefined) return { records: 0, head: genesis }
  const file = join(folder, previous)
  const bytes = lastLineOf(file)
  return { records: parseLine(file, 0, bytes).seq, head: hashLine(bytes) }
}

/** The complete lines: they end at 0x0A and nowhere else. */
function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  let from = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
  return lines
}

function hashAll(folder: string, names: readonly string[]): string {
  const all = createHash('sha256')
  const chunk = Buffer.alloc(1024 * 1024)
  for (const name of names) {
    const descriptor = openSync(join(folder, name), 'r')
    try {
      for (let read = readSync(descriptor, chunk); read > 0; read = readSync(descriptor, chunk)) all.update(chunk.subarray(0, read))
    } finally {
      closeSync(descriptor)
    }
  }
  return all.digest('hex')
}
