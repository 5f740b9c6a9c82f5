/** Verifies a log from its files alone, sharing no code with what wrote it. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Finding {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly what: string
}

export interface Verification {
  readonly ok: boolean
  readonly records: number
  readonly segments: number
  /** Hash of the last line: compare it with one noted elsewhere to see that nothing was cut off the end. */
  readonly head: string
  /** Decisions or refusals without `settled`: work under way, or what a crash interrupted. */
  readonly unsettled: number
  readonly findings: readonly Finding[]
}

const firstPrev = createHash('sha256').update('sallyport audit log v1').digest('hex')
const maxFindings = 100

/**
 * Streams every segment: chain, sequence, JSON, one decision or refusal an id and one settlement after it.
 * A last line without newline is being written, or was torn by a crash, and is no finding. Throws what `readdir` throws.
 */
export async function verifyAudit(folder: string): Promise<Verification> {
  const segments = (await readdir(folder)).filter((name) => /^\d{8,}\.jsonl$/.test(name)).sort()
  const findings: Finding[] = []
  const open = new Set<string>()
  let expected = firstPrev
  let seq = 0
  let records = 0

  function check(text: string, file: string, line: number): void {
    const report = (what: string) => {
      if (findings.length < maxFindings) findings.push({ file, line, what })
    }
    let record: Record<string, unknown>
    try {
      record = JSON.parse(text) as Record<string, unknown>
    } catch {
      report('not JSON')
      return
    }
    if (record['prev'] !== expected) report('does not point to the line before it: a line was changed, removed or put in')
    if (record['seq'] !== seq + 1) report(`has seq ${String(record['seq'])} where ${seq + 1} was expected`)
    seq = typeof record['seq'] === 'number' ? record['seq'] : seq + 1
    const { type, id } = record
    if (type === 'decided' || type === 'refused') {
      if (open.has(String(id))) report(`${String(id)} is decided twice`)
      open.add(String(id))
    }
    if (type === 'settled' && !open.delete(String(id))) report(`${String(id)} is settled without a decision or twice`)
    records += 1
  }

  for (const [index, name] of segments.entries()) {
    if (index === 0 && Number.parseInt(name, 10) !== 1) findings.push({ file: name, line: 0, what: 'the first segments are missing' })
    const previous = segments[index - 1]
    if (previous !== undefined && Number.parseInt(name, 10) !== Number.parseInt(previous, 10) + 1)
      findings.push({ file: name, line: 0, what: 'a segment before it is missing' })
    let line = 0
    for await (const text of completeLines(join(folder, name))) {
      line += 1
      check(text, name, line)
      expected = createHash('sha256').update(text).digest('hex')
    }
  }
  return { ok: findings.length === 0, records, segments: segments.length, head: expected, unsettled: open.size, findings }
}

async function* completeLines(path: string): AsyncGenerator<string> {
  const stream = createReadStream(path)
  let endsWithNewline = true
  stream.on('data', (chunk) => {
    endsWithNewline = (chunk as Buffer).at(-1) === 0x0a
  })
  let held: string | null = null
  for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (held !== null) yield held
    held = text
  }
  if (held !== null && endsWithNewline) yield held
}
