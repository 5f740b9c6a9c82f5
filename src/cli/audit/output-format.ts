/** Rows of answers as a table, as JSON lines and as CSV. */
import { visibleText } from '../../text/index.ts'

export const outputFormats = ['table', 'json', 'csv'] as const
export type OutputFormat = (typeof outputFormats)[number]

type Cell = string | number | boolean | null

/** Wider ones do not widen their column for all rows. */
const maxWidth = 60

/** Columns beside one another; what came from outside does nothing to a terminal. */
export function asTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(visibleText))
  const widths: number[] = []
  for (const row of shown)
    row.forEach((cell, column) => {
      if (cell.length <= maxWidth) widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  return shown
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

export function asJsonLines(rows: readonly object[]): string {
  return rows.map((row) => `${visibleText(JSON.stringify(row))}\n`).join('')
}

/** RFC 4180, with LF. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\n`
}

/**
 * A text that begins as a formula of a spreadsheet gets an apostrophe in front, which makes it text
 * (OWASP, "CSV Injection"); the wide forms of these signs are formulas in some as well.
 */
function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell)
  const text = visibleText(cell)
  const harmless = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text
  return /[",'\s]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
