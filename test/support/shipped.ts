/** What sinks are given, made for their tests. */
import { leafHash } from '../../src/audit/tree/index.ts'
import type { Shipped, ShippedCheckpoint, ShippedRecord } from '../../src/sinks/sink.ts'

const time = '2026-11-28T04:00:00.000Z'

/** Records of a log from an index on. */
export function shippedRecords(count: number, from = 0, padding = ''): ShippedRecord[] {
  return Array.from({ length: count }, (_, offset) => shippedRecord({ seq: from + offset, time, type: 'settled', status: 200, padding }))
}

export function shippedRecord(document: ShippedRecord['document'] & { readonly seq: number; readonly type: string }): ShippedRecord {
  const text = JSON.stringify(document)
  const leaf = leafHash(Buffer.from(text)).toString('hex')
  return { kind: 'record', index: document.seq, leftOut: 0, leaf, time, type: document.type, text, document }
}

export function shippedCheckpoint(size: number): ShippedCheckpoint {
  const note = `sallyport/5f0c\n${size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— sallyport/5f0c AAAA\n`
  const document = { type: 'checkpoint', size, note }
  return { kind: 'checkpoint', size, note, time, text: JSON.stringify(document), document }
}

export function textsOf(items: readonly Shipped[]): readonly string[] {
  return items.map(({ text }) => text)
}
