/** The operator's API that archives the oldest records of the log by hand. */
import { type Acts, refusal } from './acts.ts'

/** Where the part that is archived ends: an index, or a time in milliseconds since the epoch. */
export type ArchiveEnd = { readonly below: number } | { readonly beforeMs: number }

/** `ok: false`: nothing has happened. `records`: how many are in the archive now. */
export type ArchiveRecords = (
  end: ArchiveEnd,
  who: string,
) => Promise<{ readonly ok: true; readonly records: number; readonly to: string } | { readonly ok: false; readonly problem: string }>

export function addArchiveRoute(acts: Acts, archive: ArchiveRecords): void {
  acts.add('/v1/audit/archive', 'archive', async ({ query, principal }) => {
    const end = endFrom(query)
    return end === null
      ? refusal('expected below=INDEX, or before=TIME such as 2026-01-31 or 2026-01-31T00:00:00Z')
      : archive(end, principal.name)
  })
}

function endFrom({ below, before, ...others }: Readonly<Record<string, unknown>>): ArchiveEnd | null {
  if (Object.keys(others).length > 0 || (below === undefined) === (before === undefined)) return null
  if (typeof below === 'string') return /^(?:0|[1-9]\d{0,14})$/.test(below) ? { below: Number(below) } : null
  const isTime = typeof before === 'string' && /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(before)
  const beforeMs = isTime ? Date.parse(before) : Number.NaN
  return Number.isNaN(beforeMs) ? null : { beforeMs }
}
