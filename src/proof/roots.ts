/** Compares the roots that the records give with those that are signed, and finds the place where they differ. */
import type { Findings } from './finding.ts'
import { locate } from './locate.ts'
import type { LogFiles } from './log-files.ts'
import type { Signed } from './signed.ts'
import type { Pass } from './tree-pass.ts'
import type { WalFiles } from './wal.ts'

export function checkRoots(
  log: LogFiles,
  wal: WalFiles,
  { roots, total, differences, gaps }: Pass,
  { own, noted }: Signed,
  findings: Findings,
): void {
  const found = own === null ? null : roots.get(own.size)
  const isRight = found?.equals(own?.root as Buffer) === true
  const isPlaced = own === null || isRight || locate(log, wal, own, findings.report)
  // Where the records are right, or nothing can be, whatever differs from them is wrong.
  if (own === null || isRight || !isPlaced) for (const { place, what } of differences) findings.report(place, what)
  if (own !== null && found !== undefined && !isRight && !isPlaced) {
    const offset = Buffer.byteLength(`${own.origin}\n${own.size}\n`)
    findings.reportFile(
      'checkpoint',
      `signs the root ${own.root.toString('base64')} of ${own.size} records, and the records have ${found?.toString('base64')}`,
      offset,
    )
  }
  if (own !== null && found === undefined && gaps.length === 0)
    findings.reportFile('checkpoint', `signs ${own.size} records, and the log has ${total}`)
  for (const { name, size, root } of noted) {
    const there = roots.get(size)
    if (size > total)
      findings.reportFile(name, `covers ${size} records, and the log has ${total}: the end was cut off, or the log rolled back`)
    else if (there?.equals(root) === false) findings.reportFile(name, `is not of the same log: its first ${size} records were others`)
    else if (own !== null && size > own.size)
      findings.reportFile('checkpoint', `signs ${own.size} records, and ${name} had ${size} before: it was rolled back`)
  }
}
