/** The files of a log by their names. */

/** `00000001.jsonl`; segments are numbered from 1 and never renamed. */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.jsonl`
}

/** The segments among the names in a log's folder, oldest first. */
export function segmentsAmong(names: readonly string[]): readonly string[] {
  return names.filter((name) => /^\d{8,}\.jsonl$/.test(name)).sort()
}
