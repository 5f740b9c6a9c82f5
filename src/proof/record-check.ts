/** What each record must be, and how records follow one another: JSON in UTF-8, its index, a decision before its settlement. */
import { isAscii, isUtf8 } from 'node:buffer'
import type { Copy } from './bundle.ts'
import type { Report } from './finding.ts'

/** By design a record has at most 32 KiB; no length of a bundle can say more than this. */
const maxRecordBytes = 65_535

export interface FirstRecord {
  readonly copy: Copy
  readonly record: Readonly<Record<string, unknown>>
}

export class RecordCheck {
  readonly #report: Report
  readonly #open = new Set<string>()
  /** Records from the beginning on were removed: what is settled may have been decided there. */
  #isPruned = false
  records = 0
  /** Highest `below` of the records that say bundles were removed. */
  prunedBelow = 0
  /** What of that was moved to an archive: from a record to another (exclusive). */
  readonly archived: { readonly from: number; end: number }[] = []
  first: FirstRecord | null = null

  constructor(report: Report) {
    this.#report = report
  }

  /** Decided or refused, and not settled. */
  get unsettled(): number {
    return this.#open.size
  }

  /** Records that are not there are passed over. */
  skip(): void {
    this.#isPruned = true
  }

  take(copy: Copy, index: number): void {
    this.records += 1
    const record = this.#parse(copy)
    if (record === null) return
    const { seq, type, id } = record
    if (seq !== index) this.#report(copy, `has seq ${JSON.stringify(seq)} where ${index} belongs`)
    if (index === 0) this.first = { copy, record }
    switch (type) {
      case 'decided':
      case 'refused':
        if (this.#open.has(String(id))) this.#report(copy, `${String(id)} is decided twice`)
        this.#open.add(String(id))
        return
      case 'settled':
        if (!this.#open.delete(String(id)) && !this.#isPruned) this.#report(copy, `${String(id)} is settled without a decision or twice`)
        return
      case 'pruned':
        this.#takePruned(record)
        return
      default:
        if (typeof type !== 'string') this.#report(copy, 'has no type')
    }
  }

  #takePruned({ below, to }: Readonly<Record<string, unknown>>): void {
    if (typeof below !== 'number' || below <= this.prunedBelow) return
    const last = this.archived.at(-1)
    if (typeof to === 'string' && last?.end === this.prunedBelow) last.end = below
    else if (typeof to === 'string') this.archived.push({ from: this.prunedBelow, end: below })
    this.prunedBelow = below
  }

  #parse(copy: Copy): Readonly<Record<string, unknown>> | null {
    const bytes = copy.framed
    const isPlain = isAscii(bytes)
    const what =
      bytes.byteLength - 1 > maxRecordBytes
        ? 'is longer than any record can be'
        : isPlain || isUtf8(bytes.subarray(1))
          ? null
          : 'is not UTF-8'
    const text = what === null ? bytes.toString(isPlain ? 'latin1' : 'utf8', 1) : ''
    const record = what === null ? parse(text) : null
    if (what !== null) this.#report(copy, what)
    else if (record === null) this.#report(copy, 'is not a record in JSON')
    else if (text.includes('\n') || text.includes('\r')) this.#report(copy, 'has a line end inside, which the gateway does not write')
    return record
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
