/** What a URL below `/v1/audit/` asks of the log; incidents, which are made from it, are at `/incidents` there. */
import type { By } from '../../query/index.ts'
import { askedOf, BadQuestion, readQuestion, refuseHidden } from './filter.ts'
import type { Hidden, Question } from './process-messages.ts'
import type { Asked } from './reads.ts'

const maxLimit = 500
const defaultLimit = 50

export interface AskedQuestion {
  readonly question: Question
  /** For the record of the read. */
  readonly asked: Asked
}

/** `null`: the path is none of a question. Throws `BadQuestion`. */
export function questionFrom(path: string, query: URLSearchParams, hidden: Hidden): AskedQuestion | null {
  if (path === 'records') return recordsFrom(query, hidden)
  if (path === 'sums') return sumsFrom(query, hidden)
  if (path === '/incidents') return requiringNone(query, { question: { kind: 'incidents', incidentId: null, hidden }, asked: {} })
  if (path.startsWith('/incidents/')) return incidentFrom(decodeURIComponent(path.slice('/incidents/'.length)), query, hidden)
  const [kind, rest = '', ...more] = path.split('/')
  if (more.length > 0) return null
  if (kind === 'requests' && rest !== '') {
    requireNone(query)
    // What cannot be decoded finds no route.
    const requestId = decodeURIComponent(rest)
    refuseHidden({ id: [requestId] }, null, hidden)
    return { question: { kind: 'request', requestId, hidden }, asked: { id: requestId } }
  }
  if (kind === 'proofs' && rest !== '') {
    requireNone(query)
    requireNothingHidden(hidden)
    return { question: { kind: 'proof', index: indexOf('the last part of the path', rest) }, asked: { index: rest } }
  }
  return path === 'consistency' ? consistencyFrom(query, hidden) : null
}

function recordsFrom(query: URLSearchParams, hidden: Hidden): AskedQuestion {
  const { filter, given } = readQuestion(query, ['limit', 'cursor', 'order'])
  refuseHidden(filter, null, hidden)
  const { limit, cursor, order } = Object.fromEntries(given)
  const count = limit === undefined ? defaultLimit : indexOf('limit', limit)
  if (count < 1 || count > maxLimit) throw new BadQuestion(400, `limit is from 1 to ${maxLimit}`)
  if (order !== undefined && order !== 'newest' && order !== 'oldest') throw new BadQuestion(400, 'order is newest or oldest')
  const at = cursor === undefined ? null : indexOf('cursor', cursor)
  return {
    question: { kind: 'records', filter, limit: count, cursor: at, oldestFirst: order === 'oldest', hidden },
    asked: { ...askedOf(filter), ...Object.fromEntries(given) },
  }
}

function sumsFrom(query: URLSearchParams, hidden: Hidden): AskedQuestion {
  const { filter, given } = readQuestion(query, ['by'])
  const by = given.get('by')
  if (by === undefined) throw new BadQuestion(400, 'expected by=host or the like: what the sums are made by')
  refuseHidden(filter, by, hidden)
  // The process that knows the sums refuses others.
  return { question: { kind: 'sums', filter, by: by as By }, asked: { ...askedOf(filter), by } }
}

function consistencyFrom(query: URLSearchParams, hidden: Hidden): AskedQuestion {
  const names = [...query.keys()]
  const [older, newer] = [query.get('old'), query.get('new')]
  if (older === null || names.some((name) => name !== 'old' && name !== 'new') || new Set(names).size < names.length)
    throw new BadQuestion(400, 'expected old=<records> and, unless it is the newest checkpoint, new=<records>')
  requireNothingHidden(hidden)
  const question: Question = { kind: 'consistency', older: indexOf('old', older), newer: newer === null ? null : indexOf('new', newer) }
  return { question, asked: { old: older, ...(newer !== null && { new: newer }) } }
}

function incidentFrom(incidentId: string, query: URLSearchParams, hidden: Hidden): AskedQuestion {
  const format = query.get('format') ?? 'json'
  const isKnown = query.size === 0 || (query.size === 1 && query.has('format'))
  if (!isKnown || (format !== 'json' && format !== 'md')) throw new BadQuestion(400, 'there is the parameter format: json or md')
  return { question: { kind: 'incident', incidentId, format, hidden }, asked: { id: incidentId } }
}

function requiringNone(query: URLSearchParams, asked: AskedQuestion): AskedQuestion {
  requireNone(query)
  return asked
}

function requireNone(query: URLSearchParams): void {
  if (query.size > 0) throw new BadQuestion(400, 'there are no parameters here')
}

/** A hash of a record would confirm a guess of what is masked in it. */
function requireNothingHidden(hidden: Hidden): void {
  if (hidden.length > 0)
    throw new BadQuestion(403, 'proofs have hashes of records, and some members of records are personal (audit.personal)')
}

export function indexOf(name: string, text: string): number {
  if (!/^(?:0|[1-9]\d{0,14})$/.test(text)) throw new BadQuestion(400, `${name} is a whole number, such as the index of a record`)
  return Number(text)
}
