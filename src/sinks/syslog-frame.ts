/** Records as messages of syslog (RFC 5424), counted by their octets as TLS carries them (RFC 5425). */
import { syslogFacilities } from '../config/index.ts'
import type { Shipped } from './sink.ts'

export interface SyslogSource {
  readonly facility: (typeof syslogFacilities)[number]
  readonly host: string
  readonly version: string
}

const severities = { warning: 4, notice: 5, info: 6 } as const

/** What a person who watches a console wants to see stands out. */
const severityOf: Readonly<Record<string, keyof typeof severities>> = {
  settled: 'info',
  summed: 'warning',
  refused: 'warning',
  decided: 'info',
}

/** A decision against a request, in each view: as stored, OCSF's `action_id`, ECS's `event.type`. */
const denied = /"allow":false|"action_id":2,|"type":\["access","denied"\]/

/** `MSG` is the text as it is, without a byte order mark: receivers take it for JSON. */
export function syslogFrame(item: Shipped, { facility, host, version }: SyslogSource): Buffer {
  const type = item.kind === 'record' ? item.type : 'checkpoint'
  const severity = severities[denied.test(item.text) ? 'warning' : (severityOf[type] ?? 'notice')]
  const priority = syslogFacilities.indexOf(facility) * 8 + severity
  // `sequenceId` counts from 1 to 2147483647, and then from 1 again (RFC 5424 §7.3.1).
  const sequence = item.kind === 'record' ? `[meta sequenceId="${(item.index % 2_147_483_647) + 1}"]` : ''
  const data = `[origin software="sallyport" swVersion="${version}"]${sequence}`
  const head = `<${priority}>1 ${item.time} ${printable(host, 255)} sallyport - ${printable(type, 32)} ${data} `
  const message = Buffer.from(head + item.text)
  return Buffer.concat([Buffer.from(`${message.byteLength} `), message])
}

/** PRINTUSASCII, no longer than its field. */
function printable(text: string, maxLength: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, maxLength) || '-'
}
