/** What a record that is not about a request says, in a sentence; of a type that is not known here, its members. */
import type { IndexedRecord } from './incident.ts'

type Facts = IndexedRecord['record']

/** Longer ones are cut: the record itself is in the log. */
const maxCharacters = 600

const sentences: Readonly<Record<string, (record: Facts) => string>> = {
  activated: ({ revision, how, by, from, previous, changed }) =>
    `revision ${revision} is in force${and(' after ', previous)} (${how}, by ${by}${and(', ', from)})${and(': ', changed)}`,
  rejected: ({ problem, bundle }) => `new manifests, rules or a bundle were rejected${and(' of bundle ', bundle)}: ${problem}`,
  alert: (record) => alertSentence(record),
  containment: ({ change, before, state, asked, until, reason, by }) =>
    `containment${and(' ', change)}: ${state}${and(' after ', before)}${and(', asked for ', asked)}${and(' until ', until)}${and(', by ', by)}${and(': ', reason)}`,
  suspended: ({ until, reason }) => `suspended${and(' until ', until)}${and(': ', reason)}`,
  resumed: ({ reason }) => `resumed${and(': ', reason)}`,
  acted: ({ act, on, ok, problem, reason, asked }) =>
    `${ok === true ? '' : 'tried: '}${act}${and(' ', on)}${and(' ', asked)}${and(' because ', reason)}${and('; not done: ', problem)}`,
  access: ({ change }) => `who may come in has changed: ${change}`,
  revoked: ({ id, rule }) => `an open connection was cut: ${id} is no longer allowed by ${rule}`,
  breaker: ({ origin, state }) => `the circuit breaker for ${origin} is ${state}`,
  difference: ({ action, origin, active, shadow, shadowRule }) =>
    `the shadow policy decides otherwise: ${action}${and(' ', origin)} is ${active === true ? 'allowed' : 'denied'}, and would be ${shadow === true ? 'allowed' : 'denied'} by ${shadowRule}`,
  // What was asked is in the record: a dashboard that is open asks every few seconds, and that is one row.
  read: ({ what }) => `the log was read over HTTP: ${what}`,
  finding: ({ check, severity, title }) => `a review found (${severity}, ${check}): ${title}`,
  incident: ({ act, title, text, id }) => `incident ${id} ${act}${and(': ', title ?? text)}`,
  started: ({ version, unsettled }) =>
    `the gateway started (${version})${Number(unsettled) > 0 ? `; ${unsettled} requests of the run before have no end` : ''}`,
  stopped: () => 'the gateway stopped in order',
  hold: ({ hold, reason }) => `records are held (${hold}): ${reason}`,
  released: ({ hold, reason }) => `the hold ${hold} was released: ${reason}`,
}

/** One line, with what came from outside as it is. */
export function describe(record: Facts): string {
  const text = (sentences[String(record['type'])] ?? members)(record)
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text
}

/** Who did it, where a record says so. */
export function actorOf({ type, who, by }: Facts): string | null {
  if (type === 'activated') return typeof by === 'string' ? by : null
  if (typeof who === 'string') return who
  return typeof by === 'string' ? by : null
}

function alertSentence(record: Facts): string {
  const { rule, severity, title, event, destination, detail } = record
  const isNamed = typeof destination === 'string' && typeof title === 'string' && title.includes(destination)
  return `alert${and(' ', event)}${and(' (', severity, ')')}${and(' ', rule)}${and(': ', title)}${and(' – ', isNamed ? null : destination)}${and('; ', detail)}`
}

const notSaid = new Set(['seq', 'time', 'type', 'prev', 'integration', 'who', 'role', 'id'])

function members(record: Facts): string {
  const facts = Object.entries(record).filter(([name]) => !notSaid.has(name))
  return [
    String(record['type']),
    ...facts.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
  ].join(' ')
}

/** Nothing where the record does not have it. */
function and(before: string, value: unknown, after = ''): string {
  if (value === undefined || value === null || value === '') return ''
  return `${before}${typeof value === 'object' ? JSON.stringify(value) : String(value)}${after}`
}
