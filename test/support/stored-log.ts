/** A log as a gateway leaves it, of records that a test says. */
import { writeTlog } from './tlog-folder.ts'

/** `time` and `type` first; the rest as it is. The number of each is its index. */
export interface TestRecord {
  readonly time: string
  readonly type: string
  readonly [key: string]: unknown
}

/** Writes all of them into a folder that is there, as a signed tree. */
export function writeLog(folder: string, records: readonly TestRecord[]): void {
  const lines = records.map((record, seq) => JSON.stringify({ seq, ...record }))
  writeTlog(folder, { records: lines })
}

/** A request that was allowed. */
export const allowed = (time: string, integration: string, host: string, more: object = {}): TestRecord => ({
  ...{ time, type: 'decided', id: `r-${time}`, door: 'proxy', peer: '127.0.0.1', integration, identity: 'token' },
  ...{ kind: 'http', action: 'GET', subject: { scheme: 'https', host, port: 443, method: 'GET', path: '/' } },
  ...{ allow: true, rule: 'manifest', capability: 'network/0', revision: 'r1' },
  ...more,
})

export const denied = (time: string, integration: string, host: string): TestRecord =>
  allowed(time, integration, host, { allow: false, rule: 'uncovered', capability: undefined })
