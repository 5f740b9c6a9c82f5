/** The records that belong to an incident: those of its integration, and those that are about everybody, between two times. */
import type { LogIndex } from '../query/index.ts'
import { readRecords } from '../records/index.ts'
import type { IndexedRecord } from './incident.ts'

export interface LogSource {
  /** Folder of the log. */
  readonly log: string
  /** Up to date. */
  readonly index: Pick<LogIndex, 'ask' | 'show' | 'records'>
  readonly read?: typeof readRecords
}

export interface Window {
  readonly integration: string
  /** Milliseconds since the epoch; `to` is exclusive. */
  readonly from: number
  readonly to: number
}

/** How far behind the window the ends of requests that began in it are looked for. */
const settledWithin = 20_000

const head = /^\{"seq":\d+,"time":"[^"]{0,40}","type":"([a-z-]{1,40})"(?:,"id":"([^"\\]{0,200})")?/
/** Acts of operators that name an integration. */
const onIntegrations = new Set(['suspend', 'resume', 'contain', 'lift', 'approve'])
/** Types of records that are about single requests. */
const ofRequests = new Set(['decided', 'refused', 'settled', 'summed', 'difference'])

/**
 * Oldest first. Only lines that can matter are parsed: of a busy log most are requests of others. A `settled` belongs to the
 * request that it ends, wherever in the log it is.
 */
export async function* readWindow({ log, index, read = readRecords }: LogSource, window: Window): AsyncGenerator<IndexedRecord> {
  const { integration, from: since, to: until } = window
  const first = (await index.ask({ since, until }, { limit: 1, oldestFirst: true })).entries[0]
  const last = (await index.ask({ since, until }, { limit: 1 })).entries[0]
  if (first === undefined || last === undefined) return
  const open = new Set<string>()
  const name = `"integration":${JSON.stringify(integration)}`
  for await (const records of read(log, { from: first.index }))
    for (const { index: at, text } of records) {
      const isBehind = at > last.index
      if (isBehind && (open.size === 0 || at > last.index + settledWithin)) return
      const [, type = '', id = ''] = head.exec(text) ?? []
      if (type === 'settled') {
        if (!open.delete(id)) continue
      } else if (isBehind) continue
      else if (ofRequests.has(type) && !text.includes(name) && !text.includes(`"who":${JSON.stringify(integration)}`)) continue
      const record = parsed(text)
      if (record === null || !isAbout(record, integration)) continue
      const time = Date.parse(String(record['time']))
      // A clock that jumped leaves records of other times between those of the window.
      if (type !== 'settled' && (time < since || time >= until)) continue
      if (type === 'decided' || type === 'refused') open.add(String(record['id']))
      yield { index: at, record }
    }
}

/** What names no integration is about all of them; requests name theirs. */
function isAbout(record: IndexedRecord['record'], integration: string): boolean {
  const { type, integration: named, who } = record
  if (type === 'settled') return true
  if (type === 'summed') return who === integration
  if (type === 'acted') return isActOn(record, integration)
  if (named === undefined) return true
  return named === integration || (named === null && type !== 'refused')
}

/** Of others' integrations nothing; what is done on incidents has records of its own. */
function isActOn({ act, on }: IndexedRecord['record'], integration: string): boolean {
  if (String(act).endsWith('-incident')) return false
  return !onIntegrations.has(String(act)) || on === integration
}

function parsed(text: string): IndexedRecord['record'] | null {
  try {
    const record: unknown = JSON.parse(text)
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? (record as IndexedRecord['record']) : null
  } catch {
    return null
  }
}
