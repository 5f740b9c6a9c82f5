/** What a check finds, as it is printed and recorded. */
import type { Json } from '../core/index.ts'
import { isJsonObject } from '../text/index.ts'

export const severities = ['high', 'medium', 'low'] as const
export type Severity = (typeof severities)[number]

export interface Finding {
  /** `check/integration/id`: the same thing has the same one in the next review. */
  readonly id: string
  readonly check: string
  readonly severity: Severity
  /** `null`: the gateway itself, or callers that did not identify themselves. */
  readonly integration: string | null
  readonly title: string
  readonly why: string
  /** Indexes of records in the log. */
  readonly records: readonly number[]
}

/** A check gave what is not a finding: what it found is not known then. */
export class CheckError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CheckError'
  }
}

const maxText = 2000
const maxRecords = 100

/** Throws `CheckError`. */
export function readFinding(given: Json, integration: string | null): Finding {
  const { check, id, severity, title, why, records } = isJsonObject(given) ? given : ({} as Record<string, undefined>)
  const named = (problem: string) =>
    new CheckError(`the check ${typeof check === 'string' ? check : '(unnamed)'} gave a finding ${problem}`)
  if (typeof check !== 'string' || typeof id !== 'string' || id === '') throw named('without an "id"')
  const known = severities.find((name) => name === severity)
  if (known === undefined) throw named(`whose "severity" is not ${severities.join(', ')}`)
  if (typeof title !== 'string' || typeof why !== 'string') throw named('without a "title" and a "why"')
  if (!Array.isArray(records) || !records.every((index) => Number.isSafeInteger(index) && index >= 0))
    throw named('whose "records" are not indexes in the log')
  const indexes = [...new Set(records as readonly number[])].toSorted((a, b) => a - b)
  return {
    id: `${check}/${integration ?? ''}/${id}`.slice(0, maxText),
    ...{ check, severity: known, integration, title: title.slice(0, maxText), why: why.slice(0, maxText) },
    records: indexes.slice(0, maxRecords),
  }
}

/** The members of its record in the log. */
export function findingRecord({ id, integration, records, ...told }: Finding): Readonly<Record<string, string>> {
  return { finding: id, ...told, ...(integration !== null && { integration }), records: records.join(' ') }
}

/** `null`: it is not such a record. */
export function recordedFinding(record: Readonly<Record<string, unknown>>): Finding | null {
  const { finding: id, check, severity, integration = null, title, why, records } = record
  const known = severities.find((name) => name === severity)
  if (typeof id !== 'string' || known === undefined || typeof records !== 'string') return null
  return {
    ...{ id, check: String(check), severity: known, title: String(title), why: String(why) },
    integration: integration === null ? null : String(integration),
    records: records === '' ? [] : records.split(' ').map(Number),
  }
}

/** The worst first. */
export function bySeverity(a: Finding, b: Finding): number {
  return severities.indexOf(a.severity) - severities.indexOf(b.severity) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

export function isAtLeast(severity: Severity, asked: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(asked)
}
