/** The incidents that a log has, found by its index. */
import type { LogIndex } from '../query/index.ts'
import { type Incident, type IndexedRecord, incidentsOf } from './incident.ts'

/** Each is a few records: more would be a mistake. */
const maxRecords = 5000

/** All that the log still has, in the order in which they were opened. */
export async function listIncidents(index: Pick<LogIndex, 'ask' | 'show'>): Promise<readonly Incident[]> {
  const ids = new Set<string>()
  const { entries } = await index.ask({ type: ['incident'] }, { limit: maxRecords })
  for (const { id } of entries.toReversed()) if (id !== null) ids.add(id)
  const found = await Promise.all([...ids].map((id) => findIncident(index, id)))
  return found.filter((incident) => incident !== null)
}

/** `null`: the log has no beginning of it. */
export async function findIncident(index: Pick<LogIndex, 'show'>, id: string): Promise<Incident | null> {
  const shown = await index.show(id)
  const records = (shown?.records ?? []).flatMap(({ index: at, text }) => readRecord(at, text))
  return incidentsOf(records)[0] ?? null
}

function readRecord(index: number, text: string): readonly IndexedRecord[] {
  try {
    return [{ index, record: JSON.parse(text) as IndexedRecord['record'] }]
  } catch {
    return []
  }
}
