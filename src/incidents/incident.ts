/** An incident as the records of the log tell it: opened, noted and closed. */

export interface Note {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly who: string
  readonly text: string
  /** Index of its record in the log. */
  readonly record: number
}

export interface Incident {
  readonly id: string
  readonly integration: string
  readonly title: string
  readonly state: 'open' | 'closed'
  /** ISO 8601, UTC: what the incident is about began then or later. */
  readonly from: string
  /** `null`: it goes on. */
  readonly to: string | null
  /** Id of the alert that it was opened for. */
  readonly alert: string | null
  readonly openedAt: string
  readonly openedBy: string
  readonly notes: readonly Note[]
  readonly closedAt: string | null
  readonly closedBy: string | null
  /** Why it was closed. */
  readonly conclusion: string | null
  /** Indexes of its own records in the log. */
  readonly records: readonly number[]
}

export interface IndexedRecord {
  readonly index: number
  readonly record: Readonly<Record<string, unknown>>
}

/** Incidents in the order in which they were opened. Records of other types, and those that do not fit, are passed over. */
export function incidentsOf(records: Iterable<IndexedRecord>): readonly Incident[] {
  const incidents = new Map<string, Incident>()
  for (const { index, record } of records) {
    const id = textOf(record['id'])
    if (record['type'] !== 'incident' || id === null) continue
    const before = incidents.get(id)
    const after = before === undefined ? opened(id, index, record) : changed(before, index, record)
    if (after !== null) incidents.set(id, after)
  }
  return [...incidents.values()]
}

type Facts = IndexedRecord['record']

function opened(id: string, index: number, record: Facts): Incident | null {
  const [integration, from, time] = [textOf(record['integration']), textOf(record['from']), textOf(record['time'])]
  if (record['act'] !== 'opened' || integration === null || from === null || time === null) return null
  return {
    ...{ id, integration, title: textOf(record['title']) ?? '', state: 'open', from, to: textOf(record['to']) },
    ...{ alert: textOf(record['alert']), openedAt: time, openedBy: textOf(record['who']) ?? '', notes: [] },
    ...{ closedAt: null, closedBy: null, conclusion: null, records: [index] },
  }
}

function changed(incident: Incident, index: number, record: Facts): Incident {
  const [time, who, text] = [textOf(record['time']) ?? '', textOf(record['who']) ?? '', textOf(record['text']) ?? '']
  const records = [...incident.records, index]
  if (record['act'] === 'noted') return { ...incident, records, notes: [...incident.notes, { time, who, text, record: index }] }
  if (record['act'] !== 'closed') return incident
  const to = incident.to ?? textOf(record['to']) ?? time
  return { ...incident, records, to, state: 'closed', closedAt: time, closedBy: who, conclusion: text }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
