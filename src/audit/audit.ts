/** The audit station: opens the log, recovers it, and gives each arrival its entry. */
import { mkdirSync } from 'node:fs'
import type { Journal } from '../core/index.ts'
import { hashLine } from './chain.ts'
import { ArrivalEntry, type LogFace, type Mask } from './entry.ts'
import { lockFolder } from './lock.ts'
import { recover } from './recover.ts'
import { type AppendFile, realFile, Writer } from './writer.ts'

export interface AuditOptions {
  readonly folder: string
  readonly maxSegmentBytes: number
  readonly durability: 'reply' | 'strict'
  readonly version: string
  readonly mask: Mask
  readonly onBroken: (error: Error) => void
  readonly file?: AppendFile
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export interface AuditStatus {
  readonly head: string
  readonly records: number
  readonly broken: boolean
  /** Ids that the previous run decided and never settled. */
  readonly unsettledBefore: number
}

export interface AuditStation extends Journal {
  status(): AuditStatus
  /** A record of something that is no arrival: a reload, a breaker. Values must hold no secret. */
  note(
    type: 'activated' | 'rejected' | 'breaker' | 'difference' | 'candidate' | 'revoked',
    facts: Readonly<Record<string, string | number | boolean>>,
  ): void
  /** Writes sums and the last record, and closes. */
  close(): Promise<void>
}

interface Sum {
  readonly who: string
  readonly code: string
  count: number
  readonly first: string
  last: string
}

const sumEveryMs = 1000
/** Lines of callers that prove nothing; of integrations there are as many as have manifests. */
const maxSums = 1000

/** Throws `AuditError` where the log is in use, was changed, or cannot be opened. */
export function openAudit(options: AuditOptions): AuditStation {
  const { folder, maxSegmentBytes, durability, version, mask, onBroken, file = realFile, wallClock = Date.now } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const unlock = lockFolder(folder)
  const recovered = recover(folder)
  const writer = new Writer({
    folder,
    segment: recovered.segment ?? 1,
    segmentBytes: recovered.segmentBytes,
    maxSegmentBytes,
    file,
    onBroken,
  })
  const sums = new Map<string, Sum>()
  let seq = recovered.nextSeq
  let head = recovered.head
  let clockMs = 0
  let clockText = ''

  function time(): string {
    const now = wallClock()
    if (now !== clockMs) {
      clockMs = now
      clockText = new Date(now).toISOString()
    }
    return clockText
  }

  const log: LogFace = {
    writer,
    mask,
    append(type, fields, urgent) {
      const line = `{"seq":${seq},"time":"${time()}","type":"${type}",${fields},"prev":"${head}"}`
      seq += 1
      head = hashLine(line)
      return writer.append(line, urgent)
    },
    sum(who, code, isIntegration) {
      // A crowd of addresses is summed together before it costs an integration its own line.
      const isNamed = isIntegration || sums.size < maxSums || sums.has(`${who} ${code}`)
      const key = `${isNamed ? who : 'other'} ${code}`
      const known = sums.get(key)
      if (known === undefined) sums.set(key, { who: isNamed ? who : 'other', code, count: 1, first: time(), last: time() })
      else {
        known.count += 1
        known.last = time()
      }
    },
  }
  const flushSums = () => {
    for (const { who, code, count, first, last } of sums.values())
      log.append('summed', `"who":${JSON.stringify(who)},"code":"${code}","count":${count},"first":"${first}","last":"${last}"`, false)
    sums.clear()
  }
  const timer = setInterval(flushSums, sumEveryMs)
  timer.unref()
  log.append(
    'started',
    `"version":"${version}","pid":${process.pid},"cutBytes":${recovered.cutBytes},"unsettled":${recovered.unsettled.length},"unsettledIds":${JSON.stringify(recovered.unsettled.slice(0, 100))}`,
    true,
  )

  return {
    strict: durability === 'strict',
    behind: () => writer.behind(),
    open: (arrival) => new ArrivalEntry(log, arrival),
    status: () => ({ head, records: seq - 1, broken: writer.broken !== null, unsettledBefore: recovered.unsettled.length }),
    note(type, facts) {
      log.append(
        type,
        Object.entries(facts)
          .map(([key, value]) => `"${key}":${JSON.stringify(typeof value === 'string' ? mask.text(value) : value)}`)
          .join(','),
        true,
      )
    },
    async close() {
      clearInterval(timer)
      flushSums()
      log.append('stopped', `"records":${seq}`, true)
      await writer.close()
      unlock()
    },
  }
}
