/** Parts of a log that `sallyport audit continue` has closed: each is verified as it is, and what is wrong there has been recorded. */
import { createHash } from 'node:crypto'
import { createReadStream, lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Findings } from './finding.ts'
import { namesIn } from './stored-indexes.ts'
import type { ClosedPart, Verification } from './verification.ts'

/** What a `continued` record says of the part that was closed before it. */
export interface Continued {
  readonly folder: string
  /** SHA-256 of a line for each file. */
  readonly closed: string
}

export function continuedFrom(record: Readonly<Record<string, unknown>> | undefined): Continued | null {
  const { type, folder, closed } = record ?? {}
  return type === 'continued' && typeof folder === 'string' && typeof closed === 'string' ? { folder, closed } : null
}

/**
 * All of them are beside each other. `newest`: what the log itself says; each part says it of the one before. A part that was moved
 * elsewhere is no finding; one that was changed since it was closed is, and one that no record speaks of.
 */
export async function verifyClosed(
  folder: string,
  newest: Continued | null,
  findings: Findings,
  verify: (folder: string) => Promise<Verification & { readonly continued: Continued | null }>,
): Promise<readonly ClosedPart[]> {
  const parts: (ClosedPart & { readonly continued: Continued | null })[] = []
  for (const name of namesIn(folder).filter((found) => /^closed-/.test(found))) {
    const { records, findings: found, continued } = await verify(join(folder, name))
    parts.push({
      folder: name,
      records,
      continued,
      findings: found.map((finding) => ({ ...finding, file: `${name}/${finding.file}`, isClosed: true })),
    })
  }
  const said = [newest, ...parts.map(({ continued }) => continued)].filter((continued) => continued !== null)
  for (const part of parts) {
    const expected = said.find((continued) => continued.folder === part.folder)?.closed
    if (expected === undefined) findings.reportFile(part.folder, 'no record says that it was closed')
    else if ((await hashOf(join(folder, part.folder))) !== expected) findings.reportFile(part.folder, 'was changed since it was closed')
  }
  return parts.map(({ folder: name, records, findings: found }) => ({ folder: name, records, findings: found }))
}

/** Of what `find * -type f | LC_ALL=C sort | xargs sha256sum` prints there. */
async function hashOf(folder: string): Promise<string> {
  const all = createHash('sha256')
  const files = [...filesBelow(folder, '')].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const file of files) {
    const one = createHash('sha256')
    for await (const chunk of createReadStream(join(folder, file)) as AsyncIterable<Buffer>) one.update(chunk)
    all.update(`${one.digest('hex')}  ${file}\n`)
  }
  return all.digest('hex')
}

function* filesBelow(folder: string, prefix: string): Generator<string> {
  for (const name of namesIn(join(folder, prefix))) {
    const found = lstatSync(join(folder, prefix, name))
    if (found.isDirectory()) yield* filesBelow(folder, `${prefix}${name}/`)
    else if (found.isFile()) yield `${prefix}${name}`
  }
}
