/** Verifies the hash chain of segments, as logs were before they became trees: a migrated folder still has them. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from './finding.ts'
import { isFile } from './stored-indexes.ts'

export interface ChainVerification {
  readonly ok: boolean
  readonly records: number
  readonly segments: number
  /** Of the last record. */
  readonly lastSeq: number
  /** Hash of the last line: compare it with one noted elsewhere to see that nothing was cut off the end. */
  readonly head: string
  /** SHA-256 of all segments, one behind the other. */
  readonly sha256: string
  /** Decisions or refusals without `settled`: work under way, or what a crash interrupted. */
  readonly unsettled: number
  readonly findings: readonly Finding[]
  /** Where each noted head was found; `null` where it was not, which is a finding. */
  readonly noted: readonly { readonly head: string; readonly file: string | null; readonly line: number }[]
}

const firstPrev = createHash('sha256').update('sallyport audit log v1').digest('hex')
const maxFindings = 100

/**
 * Streams every segment: chain, sequence, JSON, one decision or refusal per id and one settlement after it, and that each head of
 * `noted` (64 hex digits) is in the chain. The log's last line without newline is being written, or was torn by a crash, and is
 * no finding. Throws what `readdir` throws.
 */
export async function verifyChain(folder: string, noted: readonly string[] = []): Promise<ChainVerification> {
  const segments = (await readdir(folder)).filter((name) => /^\d{8,}\.jsonl$/.test(name) && isFile(join(folder, name))).sort()
  const check = new Check(noted)
  for (const [index, name] of segments.entries()) {
    if (index === 0 && Number.parseInt(name, 10) !== 1) check.report(name, 0, 'the first segments are missing')
    const previous = segments[index - 1]
    if (previous !== undefined && Number.parseInt(name, 10) !== Number.parseInt(previous, 10) + 1)
      check.report(name, 0, 'a segment before it is missing')
    let line = 0
    let end = 0
    for await (const { bytes, isComplete } of linesOf(join(folder, name), check.all)) {
      line += 1
      check.offset = end
      end += bytes.byteLength + 1
      if (isComplete) check.take(bytes, name, line)
      else if (index < segments.length - 1) check.report(name, line, 'is incomplete, and another segment follows')
    }
    check.endSegment()
  }
  return { ...check.result(segments.at(-1) ?? ''), segments: segments.length }
}

class Check {
  /** Of every byte there is, in the order of the segments. */
  readonly all: Hash = createHash('sha256')
  /** Of the line that is checked. */
  offset = 0
  readonly #noted: ReadonlySet<string>
  readonly #found = new Map<string, { readonly file: string; readonly line: number }>()
  readonly #open = new Set<string>()
  #closed: Finding[] = []
  #findings: Finding[] = []
  #expected = firstPrev
  #seq = 0
  #records = 0
  /** Of all segments before the current one. */
  #before = createHash('sha256').digest('hex')

  constructor(noted: readonly string[]) {
    this.#noted = new Set(noted)
    if (this.#noted.has(firstPrev)) this.#found.set(firstPrev, { file: 'the beginning', line: 0 })
  }

  report(file: string, line: number, what: string): void {
    if (this.#findings.length < maxFindings)
      this.#findings.push({ file, line, offset: line === 0 ? 0 : this.offset, what, isClosed: false })
  }

  take(bytes: Buffer, file: string, line: number): void {
    const text = decode(bytes)
    if (text === null) this.report(file, line, 'is not UTF-8')
    else this.#takeRecord(text, file, line)
    this.#expected = createHash('sha256').update(bytes).digest('hex')
    if (this.#noted.has(this.#expected)) this.#found.set(this.#expected, { file, line })
  }

  endSegment(): void {
    this.#before = this.all.copy().digest('hex')
  }

  result(lastFile: string): Omit<ChainVerification, 'segments'> {
    const noted = [...this.#noted].map((head) => ({ head, file: null, line: 0, ...this.#found.get(head) }))
    for (const { head, file } of noted)
      if (file === null) this.report(lastFile, 0, `the noted head ${head} is not in the log: lines were changed or cut off`)
    const findings = [...this.#closed, ...this.#findings]
    const [records, lastSeq, head, unsettled] = [this.#records, this.#seq, this.#expected, this.#open.size]
    const sha256 = this.all.copy().digest('hex')
    return { ok: findings.length === 0, records, lastSeq, head, sha256, unsettled, findings, noted }
  }

  #takeRecord(text: string, file: string, line: number): void {
    const report = (what: string) => this.report(file, line, what)
    if (text.includes('\r')) report('has a carriage return, which the gateway does not write')
    const record = parse(text)
    if (record === null) {
      report(text === '' ? 'is empty' : 'is not a record in JSON')
      return
    }
    const { prev, seq, type, id } = record
    if (type === 'continued') this.#close(record, file, line)
    if (prev !== this.#expected) report('does not point to the line before it: a line was changed, removed or put in')
    if (seq !== this.#seq + 1) report(`has seq ${String(seq)} where ${this.#seq + 1} was expected`)
    this.#seq = typeof seq === 'number' ? seq : this.#seq + 1
    if (type === 'decided' || type === 'refused') {
      if (this.#open.has(String(id))) report(`${String(id)} is decided twice`)
      this.#open.add(String(id))
    }
    if (type === 'settled' && !this.#open.delete(String(id))) report(`${String(id)} is settled without a decision or twice`)
    this.#records += 1
  }

  /** What was found before has been recorded, if it is still what was recorded. */
  #close({ closed }: Record<string, unknown>, file: string, line: number): void {
    if (line !== 1) this.report(file, line, 'continues the log in the middle of a segment')
    else if (closed !== this.#before) this.report(file, line, 'continues a log that was changed since')
    else {
      this.#closed.push(...this.#findings.map((finding) => ({ ...finding, isClosed: true })))
      this.#findings = []
    }
  }
}

/** No record is as long: what is behind the beginning of such a line is not read. */
const maxLineBytes = 1024 * 1024

/** Lines end at 0x0A and nowhere else; `all` is given every byte. */
async function* linesOf(path: string, all: Hash): AsyncGenerator<{ readonly bytes: Buffer; readonly isComplete: boolean }> {
  const parts: Buffer[] = []
  let partBytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    all.update(chunk)
    let from = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      parts.push(chunk.subarray(from, end))
      yield { bytes: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), isComplete: true }
      parts.length = 0
      partBytes = 0
      from = end + 1
    }
    if (from === chunk.byteLength) continue
    parts.push(chunk.subarray(from))
    partBytes += chunk.byteLength - from
    if (partBytes <= maxLineBytes) continue
    yield { bytes: Buffer.concat(parts), isComplete: true }
    return
  }
  if (parts.length > 0) yield { bytes: Buffer.concat(parts), isComplete: false }
}

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
