/** What an earlier run left: the chain's end, a torn tail, decisions that never settled. */
import { appendFileSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { segmentsAmong } from '../records/index.ts'
import { genesis, hashLine, linesOf } from './chain.ts'
import { brokenAt, type Line, parseLine } from './line.ts'
import { checkSegmentLinks, lastLineOf } from './segment-links.ts'

export interface Recovered {
  /** The segment to go on with; `null` where the log is new. */
  readonly segment: number | null
  readonly segmentBytes: number
  readonly nextSeq: number
  readonly head: string
  /** Bytes of an incomplete last line, cut off and kept in `<segment>.broken`. */
  readonly cutBytes: number
  /** Ids that the previous run decided and never settled: its crash is the reason, and this is the evidence. */
  readonly unsettled: readonly string[]
}

/**
 * Reads the last segment, and of each other its first and last line. Only an incomplete last line may be cut; anything else that
 * is wrong was changed by a person or a program. Throws `AuditError` with file and line.
 */
export function recover(folder: string): Recovered {
  const names = segmentsAmong(readdirSync(folder))
  const last = names.at(-1)
  if (last === undefined) return { segment: null, segmentBytes: 0, nextSeq: 1, head: genesis, cutBytes: 0, unsettled: [] }
  const file = join(folder, last)
  const { whole: bytes, cutBytes } = cutTornTail(file)
  const place = { segment: Number.parseInt(last, 10), segmentBytes: bytes.byteLength }
  if (bytes.byteLength === 0) {
    const previous = names.at(-2)
    // It was begun, and the one before written to once more.
    const before = previous === undefined ? 0 : cutTornTail(join(folder, previous)).cutBytes
    checkSegmentLinks(folder, names.slice(0, -1))
    return { ...endOf(folder, previous), ...place, cutBytes: cutBytes + before, unsettled: [] }
  }
  checkSegmentLinks(folder, names)
  const { seq, head, unsettled } = readChain(file, linesOf(bytes))
  return { ...place, nextSeq: seq + 1, head, cutBytes, unsettled }
}

/** Cuts an incomplete last line off, and keeps it beside the segment; gives the whole lines. Throws what the file system throws. */
export function cutTornTail(file: string): { readonly whole: Buffer; readonly cutBytes: number } {
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  const torn = bytes.subarray(end)
  if (torn.byteLength > 0) {
    appendFileSync(`${file}.broken`, torn, { mode: 0o600 })
    truncateSync(file, end)
  }
  return { whole: bytes.subarray(0, end), cutBytes: torn.byteLength }
}

function readChain(file: string, lines: readonly Buffer[]): { seq: number; head: string; unsettled: readonly string[] } {
  let before: { readonly line: Line; readonly head: string } | null = null
  const open = new Set<string>()
  for (const [index, bytes] of lines.entries()) {
    const line = parseLine(file, index + 1, bytes)
    if (before !== null && (line.prev !== before.head || line.seq !== before.line.seq + 1)) throw brokenAt(file, index + 1)
    if (line.type === 'started' || line.type === 'stopped') open.clear()
    if (line.type === 'decided' && line.id !== undefined) open.add(line.id)
    if (line.type === 'settled' && line.id !== undefined) open.delete(line.id)
    before = { line, head: hashLine(bytes) }
  }
  return { seq: before?.line.seq ?? 0, head: before?.head ?? genesis, unsettled: [...open] }
}

/** The last segment was opened and nothing complete was written: the chain's end is the segment before. */
function endOf(folder: string, previous: string | undefined): { nextSeq: number; head: string } {
  if (previous === undefined) return { nextSeq: 1, head: genesis }
  const file = join(folder, previous)
  const bytes = lastLineOf(file)
  return { nextSeq: parseLine(file, 0, bytes).seq + 1, head: hashLine(bytes) }
}
