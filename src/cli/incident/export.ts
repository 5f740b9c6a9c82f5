/** `sallyport incident export`: the report as Markdown or JSON, or a folder with both and the proofs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type IncidentReport, markdownOf, type Proofs } from '../../incidents/index.ts'
import { visibleLines, visibleText } from '../../text/index.ts'
import { CommandError } from '../exit.ts'

export const exportFormats = ['md', 'json'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** What acts on a terminal is escaped: of JSON the value stays the same. */
export function exportText(report: IncidentReport, format: ExportFormat): string {
  return format === 'json' ? `${visibleText(JSON.stringify(report))}\n` : visibleLines(markdownOf(report))
}

/** Into `folder`, which must not be there. Gives the files that were written. Throws `CommandError`. */
export function exportFolder(folder: string, report: IncidentReport, proofs: Proofs): readonly string[] {
  const files: readonly (readonly [name: string, text: string])[] = [
    ['incident.md', visibleLines(markdownOf(report, 'proofs'))],
    ['incident.json', `${visibleLines(JSON.stringify(report, null, 2))}\n`],
    ...[...proofs].map(([index, text]) => [`proofs/${index}.tlog-proof`, text] as const),
  ]
  try {
    mkdirSync(folder, { mode: 0o700 })
    mkdirSync(join(folder, 'proofs'), { mode: 0o700 })
    for (const [name, text] of files) writeFileSync(join(folder, name), text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw new CommandError(`the report cannot be written: ${(error as Error).message}`)
  }
  return files.map(([name]) => join(folder, name))
}
