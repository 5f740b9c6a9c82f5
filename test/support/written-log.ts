/** Records of an audit log in memory, given to what reads a log, and what of them an index must answer. */
import type { TestContext } from 'node:test'
import { type IndexOptions, type LogIndex, openIndex } from '../../src/query/index.ts'
import type { readRecords, StoredRecord } from '../../src/records/index.ts'
import { createFolder } from './folder.ts'

export type Facts = Readonly<Record<string, unknown>>

/** A log that a test grows and cuts. */
export interface WrittenLog {
  readonly records: StoredRecord[]
  /** Time is a step later for each record, from 2026-11-28T00:00:00Z on, where the facts have none. */
  write(...facts: readonly (Facts | string)[]): void
  readonly read: typeof readRecords
}

export function createWrittenLog(stepMs = 1000): WrittenLog {
  const records: StoredRecord[] = []
  return {
    records,
    write(...all) {
      for (const facts of all) {
        const index = (records.at(-1)?.index ?? -1) + 1
        const time = new Date(Date.UTC(2026, 10, 28) + index * stepMs).toISOString()
        records.push({ index, text: typeof facts === 'string' ? facts : JSON.stringify({ seq: index, time, ...facts }) })
      }
    },
    // Several reads of few records each, as a log gives them.
    async *read(_folder, { from = 0 } = {}) {
      const wanted = records.filter(({ index }) => index >= from)
      for (let at = 0; at < wanted.length; at += 7) yield wanted.slice(at, at + 7)
    },
  }
}

/** An index of it in a folder of its own; closed when the test ends. */
export function indexOf(t: TestContext, { read }: WrittenLog, options: Partial<IndexOptions> = {}): LogIndex {
  const index = openIndex({ log: 'nowhere', folder: createFolder(t), read, ...options })
  t.after(() => index.close())
  return index
}

export function decided(id: string, facts: Facts = {}): Facts {
  return {
    ...{ type: 'decided', id, door: 'forward', peer: '127.0.0.1:4000', integration: 'weather', identity: 'token', kind: 'http' },
    ...{ action: 'read', subject: { method: 'GET', scheme: 'https', host: 'api.example.com', port: 443, path: '/v1/cities' } },
    ...{ allow: true, rule: 'capability/read', revision: 'abc', ...facts },
  }
}

export function settled(id: string, facts: Facts = {}): Facts {
  return { type: 'settled', id, status: 200, sentBytes: 10, receivedBytes: 100, durationMs: 1.5, complete: true, ...facts }
}
