/** Parts of a log that `sallyport audit continue` has closed: each is verified as it is, and what is wrong there has been recorded. */
import { join } from 'node:path'
import type { Findings } from './finding.ts'
import { namesIn } from './log-files.ts'
import type { FirstRecord } from './record-check.ts'
import type { ClosedPart, Verification, VerifyOptions } from './verification.ts'

export async function verifyClosed(
  folder: string,
  _first: FirstRecord | null,
  { archive }: VerifyOptions,
  _findings: Findings,
  verify: (folder: string, options: VerifyOptions) => Promise<Verification>,
): Promise<readonly ClosedPart[]> {
  const parts: ClosedPart[] = []
  for (const name of namesIn(folder).filter((found) => /^closed-/.test(found))) {
    const { records, findings } = await verify(join(folder, name), archive === undefined ? {} : { archive })
    parts.push({
      folder: name,
      records,
      findings: findings.map((finding) => ({ ...finding, file: `${name}/${finding.file}`, isClosed: true })),
    })
  }
  return parts
}
