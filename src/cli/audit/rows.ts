/** The audit log as a person reads it: one row per request, with its decision. */
import type { StoredRecord } from '../../records/index.ts'

export interface Rows {
  /** The row that a record completes; `null` where it completes none. */
  take(record: StoredRecord): string | null
  /** Of requests that are decided and not settled. */
  unsettled(): readonly string[]
}

export function createRows(): Rows {
  const open = new Map<string, Record<string, unknown>>()
  return {
    take({ index, text }) {
      try {
        return describe(JSON.parse(text) as Record<string, unknown>, open)
      } catch {
        // An auditor of a log that was tampered with needs the records around that one most of all.
        return `record ${index}  -  UNREADABLE  not a record of the audit log; "sallyport audit verify" tells what is wrong`
      }
    },
    unsettled: () => [...open.values()].map((record) => row(record, null)),
  }
}

function describe(record: Record<string, unknown>, open: Map<string, Record<string, unknown>>): string | null {
  const id = String(record['id'])
  switch (record['type']) {
    case 'decided':
    case 'refused':
      open.set(id, record)
      return null
    case 'settled': {
      const decided = open.get(id)
      open.delete(id)
      return decided === undefined ? null : row(decided, record)
    }
    case 'summed':
      return `${record['time']}  ${record['who']}  REFUSED  ${record['count']} times ${record['code']} between ${record['first']} and ${record['last']}`
    default: {
      const { seq: _seq, time, type, prev: _prev, ...facts } = record
      return `${time}  -  ${String(type).toUpperCase()}  ${Object.entries(facts)
        .filter(([, value]) => !Array.isArray(value) || value.length > 0)
        .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' ')}`
    }
  }
}

function row(decided: Record<string, unknown>, settled: Record<string, unknown> | null): string {
  // What the policy allowed a later station may still have refused: a quota, a breaker, an address. What broke off behind its head was allowed.
  const isAnswered = Number(settled?.['status']) < 400
  const isRefused = decided['type'] === 'refused' || (decided['allow'] === true && settled?.['problem'] !== undefined && !isAnswered)
  const verdict = isRefused ? 'REFUSED' : decided['allow'] === true ? 'ALLOW' : 'DENY'
  const why = decided['type'] === 'refused' ? `${decided['code']}: ${decided['detail']}` : String(decided['rule'])
  const end =
    settled === null
      ? '(not settled)'
      : `${settled['status']}${settled['problem'] !== undefined && settled['problem'] !== decided['code'] ? ` ${settled['problem']}` : ''} ${settled['durationMs']} ms${settled['complete'] === false ? ' broken off' : ''}`
  return [decided['time'], decided['integration'] ?? '-', verdict, what(decided), why, end].filter((part) => part !== '').join('  ')
}

function what({ kind, action, subject }: Record<string, unknown>): string {
  if (kind === undefined) return ''
  const about = subject as Record<string, unknown>
  switch (kind) {
    case 'http':
      return `${about['method']} ${about['scheme']}://${about['host']}:${about['port']}${about['path']}${about['query'] === undefined ? '' : `?${about['query']}`}`
    case 'tunnel':
      return `CONNECT ${about['host']}:${about['port']}`
    case 'service':
      return `${about['method']} service ${about['name']}${about['path']}`
    case 'file':
      return `${action} file ${about['root']}/${about['path']}`
    case 'lookup':
      return `resolve ${about['host']}`
    default:
      return `${action} ${kind}`
  }
}
