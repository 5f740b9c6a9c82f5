/** Entries of the log as a person reads them. */
import type { Entry } from '../../query/index.ts'

/** The entry, with its time as the log writes it. */
export function timed(entry: Entry) {
  return { ...entry, time: entry.time === null ? null : new Date(entry.time).toISOString() }
}

/** Time, integration, decision, what it was about, why, how it ended, and the id. */
export function entryColumns(entry: Entry): readonly string[] {
  const { time, type, integration, decision, detail, id, claimed } = entry
  const when = time === null ? '-' : new Date(time).toISOString()
  // A name that nothing proves must not look like one that something does.
  const who = integration ?? (claimed === null ? '-' : `- (claims to be ${claimed})`)
  if (decision === null) return [when, who, type.toUpperCase(), '', detail ?? '', '', id ?? '']
  if (type === 'summed') return [when, who, 'REFUSED', '', detail ?? '', `${entry.requests} requests`, '']
  return [when, who, decision.toUpperCase(), targetOf(entry), reasonOf(entry), endOf(entry), id ?? '']
}

function reasonOf({ type, problem, detail, rule }: Entry): string {
  if (type === 'refused') return detail === null ? (problem ?? '') : `${problem}: ${detail}`
  return rule ?? ''
}

function endOf({ type, settledIndex, status, problem, durationMs, complete }: Entry): string {
  if (settledIndex === null) return '(not settled)'
  const broken = complete === false ? ' broken off' : ''
  return `${status}${problem === null || type === 'refused' ? '' : ` ${problem}`} ${durationMs} ms${broken}`
}

/** What would be touched. */
export function targetOf({ kind, action, method, scheme, host, port, place, path, query }: Entry): string {
  switch (kind) {
    case 'http':
      return `${method} ${scheme}://${host}:${port}${path}${query === null ? '' : `?${query}`}`
    case 'tunnel':
      return `CONNECT ${host}:${port}`
    case 'service':
      return `${method} service ${place}${path}`
    case 'file':
      return `${action} file ${place}/${path}`
    case 'lookup':
      return `resolve ${host}`
    case null:
      // What was refused before it was known what it is.
      return [
        method,
        `${scheme === null ? '' : `${scheme}://`}${host ?? ''}${port === null ? '' : `:${port}`}${path ?? ''}${query === null ? '' : `?${query}`}`,
      ]
        .filter((part) => part !== null && part !== '')
        .join(' ')
    default:
      return `${action} ${kind}`
  }
}
