/** Writes a log as it was before it became a tree: segments of JSON lines, each with the SHA-256 of the line before it. */
import { hash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName } from '../../src/records/index.ts'

/** Names of the segments. `records`: without `seq`, `time` and `prev`. */
export function writeChain(folder: string, records: readonly object[], perSegment = records.length): readonly string[] {
  mkdirSync(folder, { recursive: true })
  let prev = hash('sha256', 'sallyport audit log v1')
  const lines = records.map((record, index) => {
    const line = JSON.stringify({ seq: index + 1, time: '2026-01-01T00:00:00.000Z', ...record, prev })
    prev = hash('sha256', line)
    return `${line}\n`
  })
  return Array.from({ length: Math.ceil(lines.length / perSegment) }, (_, nth) => {
    writeFileSync(join(folder, segmentName(nth + 1)), lines.slice(nth * perSegment, (nth + 1) * perSegment).join(''))
    return segmentName(nth + 1)
  })
}

/** Decisions that were never settled, on these paths. */
export function decidedOn(paths: readonly string[]): readonly object[] {
  return paths.map((path, index) => ({ type: 'decided', id: `${encodeURIComponent(path)}-${index}`, allow: true, subject: { path } }))
}
