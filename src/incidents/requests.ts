/** The requests of an incident in figures: sums, destinations, and decisions alike in one group, so that a flood is one line. */
import type { IndexedRecord } from './incident.ts'

export interface Destination {
  /** `host:port`, `service:name`, `file:root` or `lookup:host`. */
  readonly destination: string
  requests: number
  denied: number
  refused: number
  sentBytes: number
  receivedBytes: number
  /** ISO 8601, UTC. */
  readonly firstAt: string
  lastAt: string
  /** Index of the first record about it. */
  readonly record: number
}

/** Requests that were decided in the same way and ended alike. */
export interface DecisionGroup {
  readonly decision: 'allow' | 'deny' | 'refused'
  /** Why: the rule, or the code of the refusal. */
  readonly why: string
  readonly action: string
  readonly destination: string
  readonly status: number | null
  /** What broke it off, or refused it after the decision. */
  readonly problem: string | null
  count: number
  sentBytes: number
  receivedBytes: number
  readonly firstAt: string
  lastAt: string
  readonly record: number
  /** Ids of some of them. */
  readonly ids: string[]
}

export interface RequestFigures {
  readonly requests: number
  readonly allowed: number
  readonly denied: number
  readonly refused: number
  /** Allowed, and broken off or refused by a later station. */
  readonly failed: number
  /** Not ended within what was read. */
  readonly unsettled: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Of requests that began while the integration was suspended or killed: both are 0 where the containment held. */
  readonly allowedWhileCut: number
  readonly sentBytesWhileCut: number
  readonly destinations: readonly Destination[]
  readonly groups: readonly DecisionGroup[]
  /** Revisions that decided, in the order of their first decision. */
  readonly revisions: readonly string[]
}

export interface Requests {
  /** `isCut`: the integration may do nothing meanwhile. `false`: the record is not about a request. */
  take(record: IndexedRecord, isCut: boolean): boolean
  figures(): RequestFigures
}

const maxDestinations = 500
const maxGroups = 1000
const maxIds = 3
const others = '(others)'

type Begun = Omit<DecisionGroup, 'status' | 'problem' | 'count' | 'sentBytes' | 'receivedBytes' | 'lastAt' | 'ids'> & {
  readonly id: string
  /** How many requests it stands for. */
  readonly requests: number
  readonly isCut: boolean
}

interface End {
  readonly status: number | null
  readonly problem: string | null
  readonly sentBytes: number
  readonly receivedBytes: number
}

const noEnd: End = { status: null, problem: null, sentBytes: 0, receivedBytes: 0 }

export function createRequests(): Requests {
  const open = new Map<string, Begun>()
  const destinations = new Map<string, Destination>()
  const groups = new Map<string, DecisionGroup>()
  const revisions = new Set<string>()
  const sums = { requests: 0, allowed: 0, denied: 0, refused: 0, failed: 0, sentBytes: 0, receivedBytes: 0 }
  const whileCut = { allowedWhileCut: 0, sentBytesWhileCut: 0 }

  function begin(begun: Begun): void {
    sums.requests += begun.requests
    if (begun.decision === 'allow') sums.allowed += begun.requests
    if (begun.decision === 'deny') sums.denied += begun.requests
    if (begun.decision === 'refused') sums.refused += begun.requests
    const found = destinationOf(begun)
    found.requests += begun.requests
    found.lastAt = begun.firstAt
    if (begun.decision === 'deny') found.denied += begun.requests
    if (begun.decision === 'refused') found.refused += begun.requests
  }

  function end(begun: Begun, { status, problem, sentBytes, receivedBytes }: End): void {
    sums.sentBytes += sentBytes
    sums.receivedBytes += receivedBytes
    if (begun.isCut) whileCut.sentBytesWhileCut += sentBytes
    if (begun.isCut && begun.decision === 'allow' && problem === null) whileCut.allowedWhileCut += 1
    if (begun.decision === 'allow' && problem !== null) sums.failed += 1
    const found = destinationOf(begun)
    found.sentBytes += sentBytes
    found.receivedBytes += receivedBytes
    const group = groupOf(begun, status, problem)
    group.count += begun.requests
    group.sentBytes += sentBytes
    group.receivedBytes += receivedBytes
    if (begun.firstAt > group.lastAt) group.lastAt = begun.firstAt
    if (begun.id !== '' && group.ids.length < maxIds) group.ids.push(begun.id)
  }

  function destinationOf({ destination, firstAt, record }: Begun): Destination {
    const name = destinations.has(destination) || destinations.size < maxDestinations ? destination : others
    return getOrMake(destinations, name, () => ({
      ...{ destination: name, requests: 0, denied: 0, refused: 0, sentBytes: 0, receivedBytes: 0 },
      ...{ firstAt, lastAt: firstAt, record },
    }))
  }

  function groupOf(begun: Begun, status: number | null, problem: string | null): DecisionGroup {
    const { decision, why, firstAt, record } = begun
    const full = JSON.stringify([decision, why, begun.action, begun.destination, status, problem])
    const isFull = !groups.has(full) && groups.size >= maxGroups
    const [action, destination] = isFull ? [others, others] : [begun.action, begun.destination]
    const key = isFull ? JSON.stringify([decision, others]) : full
    return getOrMake(groups, key, () => ({
      ...{ decision, why: isFull ? others : why, action, destination, status: isFull ? null : status, problem: isFull ? null : problem },
      ...{ count: 0, sentBytes: 0, receivedBytes: 0, firstAt, lastAt: firstAt, record, ids: [] },
    }))
  }

  return {
    take({ index, record }, isCut) {
      if (record['type'] === 'settled') {
        const id = String(record['id'])
        const begun = open.get(id)
        if (begun !== undefined) end(begun, endOf(record))
        open.delete(id)
        return true
      }
      const known = begunOf(index, record)
      if (known === null) return false
      const begun = { ...known, isCut }
      begin(begun)
      if (typeof record['revision'] === 'string') revisions.add(record['revision'])
      if (record['type'] === 'summed') end(begun, noEnd)
      else open.set(begun.id, begun)
      return true
    },
    figures() {
      const unsettled = open.size
      for (const begun of open.values()) end(begun, noEnd)
      open.clear()
      return {
        ...{ ...sums, ...whileCut, unsettled, revisions: [...revisions] },
        destinations: [...destinations.values()].sort((a, b) => b.sentBytes - a.sentBytes || b.requests - a.requests),
        groups: [...groups.values()],
      }
    },
  }
}

function getOrMake<Value>(values: Map<string, Value>, key: string, make: () => Value): Value {
  const known = values.get(key)
  if (known !== undefined) return known
  const made = make()
  values.set(key, made)
  return made
}

/** `null`: it is not the beginning of a request. */
function begunOf(index: number, record: IndexedRecord['record']): Omit<Begun, 'isCut'> | null {
  const { type, time, id, rule, code, kind, action, count } = record
  const base = { firstAt: String(time), record: index, id: typeof id === 'string' ? id : '', requests: 1 }
  const destination = destinationIn(record)
  switch (type) {
    case 'decided':
      return { ...base, decision: record['allow'] === true ? 'allow' : 'deny', why: String(rule), action: `${kind} ${action}`, destination }
    case 'refused':
      return { ...base, decision: 'refused', why: String(code), action: String(subjectOf(record)['method'] ?? ''), destination }
    case 'summed':
      return { ...base, decision: 'refused', why: String(code), action: '', destination, requests: Number(count) || 1 }
    default:
      return null
  }
}

function endOf({ status, problem, sentBytes, receivedBytes }: IndexedRecord['record']): End {
  return {
    status: typeof status === 'number' ? status : null,
    problem: typeof problem === 'string' ? problem : null,
    sentBytes: Number(sentBytes) || 0,
    receivedBytes: Number(receivedBytes) || 0,
  }
}

function subjectOf(record: IndexedRecord['record']): Readonly<Record<string, unknown>> {
  const { subject } = record
  return typeof subject === 'object' && subject !== null ? (subject as Readonly<Record<string, unknown>>) : {}
}

function destinationIn(record: IndexedRecord['record']): string {
  const { host, port, name, root } = subjectOf(record)
  if (record['kind'] === 'service') return `service:${name}`
  if (record['kind'] === 'file') return `file:${root}`
  if (record['kind'] === 'lookup') return `lookup:${host}`
  if (host === undefined) return record['kind'] === 'self' ? 'the gateway itself' : 'unknown'
  return port === undefined ? String(host) : `${host}:${port}`
}
