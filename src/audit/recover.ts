/** What an earlier run left: the chain's end, a torn tail, decisions that never settled. */
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from './audit-error.ts'
import { genesis, hashLine, segmentsAmong } from './chain.ts'

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

interface Line {
  readonly seq: number
  readonly type: string
  readonly id?: string
  readonly prev: string
}

/**
 * Reads the last segment alone, whatever the log's size. Only an incomplete last line may be cut; anything else that is
 * wrong is somebody's doing. Throws `AuditError` with file and line.
 */
export function recover(folder: string): Recovered {
  const names = segmentsAmong(readdirSync(folder))
  const last = names.at(-1)
  if (last === undefined) return { segment: null, segmentBytes: 0, nextSeq: 1, head: genesis, cutBytes: 0, unsettled: [] }
  const file = join(folder, last)
  const cutBytes = cutTornTail(file)
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  const segment = Number.parseInt(last, 10)
  const segmentBytes = statSync(file).size
  if (lines.length === 0) return { ...endOfPrevious(folder, names), segment, segmentBytes, cutBytes, unsettled: [] }
  const { seq, head, unsettled } = readChain(file, lines)
  return { segment, segmentBytes, nextSeq: seq + 1, head, cutBytes, unsettled }
}

function cutTornTail(file: string): number {
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  const torn = bytes.subarray(end)
  if (torn.byteLength === 0) return 0
  appendFileSync(`${file}.broken`, torn, { mode: 0o600 })
  truncateSync(file, end)
  return torn.byteLength
}

function readChain(file: string, lines: readonly string[]): { seq: number; head: string; unsettled: readonly string[] } {
  let seq = 0
  let head: string | null = null
  const open = new Set<string>()
  for (const [index, text] of lines.entries()) {
    const line = parse(file, index, text)
    if (head !== null && (line.prev !== head || line.seq !== seq + 1)) {
      throw new AuditError(
        `${file}:${index + 1}: the chain is broken here: the log was changed. Keep it as evidence, move the folder away, and start with a new one`,
      )
    }
    if (line.type === 'started') open.clear()
    if (line.type === 'decided' && line.id !== undefined) open.add(line.id)
    if (line.type === 'settled' && line.id !== undefined) open.delete(line.id)
    if (line.type === 'stopped') open.clear()
    seq = line.seq
    head = hashLine(text)
  }
  return { seq, head: head ?? genesis, unsettled: [...open] }
}

function parse(file: string, index: number, text: string): Line {
  try {
    const line = JSON.parse(text) as Line
    if (typeof line.seq === 'number' && typeof line.prev === 'string') return line
  } catch {
    // Told below, with the place.
  }
  throw new AuditError(
    `${file}:${index + 1}: not a record of the audit log. Keep the file as evidence, move the folder away, and start with a new one`,
  )
}

/** The last segment was opened and nothing complete was written: the chain's end is the segment before. */
function endOfPrevious(folder: string, names: readonly string[]): { nextSeq: number; head: string } {
  const previous = names.at(-2)
  if (previous === undefined) return { nextSeq: 1, head: genesis }
  const file = join(folder, previous)
  const text = readFileSync(file, 'utf8').split('\n').at(-2) ?? ''
  return { nextSeq: parse(file, 0, text).seq + 1, head: hashLine(text) }
}
