/** What the shipping process says of each sink, as metrics, status and log lines. */
import type { Progress } from '../sinks/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface SinkStatus extends Omit<Progress, 'oldestMs'> {
  readonly type: string
  readonly lagRecords: number | null
  readonly lagSeconds: number
}

export interface SinkReports {
  take(progress: readonly Progress[]): void
  status(): readonly SinkStatus[]
}

export interface SinkReportsOptions {
  readonly sinks: readonly { readonly name: string; readonly type: string }[]
  /** Of the log, on disk. */
  readonly records: () => number
  readonly now: () => number
  readonly logger: Logger
  readonly metrics: Metrics
}

const counted = {
  shipped: 'Records and checkpoints that a sink has taken.',
  dropped: 'Records that a sink does not get, by its rules or because they have no place in its view.',
  refused: 'Records and checkpoints that a sink refused for good; the audit log has them.',
  lost: 'Records that were removed from the audit log before a sink had them.',
  errors: 'Attempts to deliver to a sink that failed, and are made again.',
} as const
type Counted = keyof typeof counted
const kinds = Object.keys(counted) as readonly Counted[]

export function createSinkReports({ sinks, records, now, logger, metrics }: SinkReportsOptions): SinkReports {
  const latest = new Map<string, Progress>()
  /** Since the gateway started: a process that was started again counts from zero. */
  const before = new Map(sinks.map(({ name }) => [name, { shipped: 0, dropped: 0, refused: 0, lost: 0, errors: 0 }]))
  const startedMs = now()
  const caughtUpMs = new Map<string, number>()
  const names = sinks.map(({ name }) => name)
  const counters = kinds.map(
    (kind) => [kind, metrics.labelledCounter(`sallyport_sink_${kind}_total`, counted[kind], 'sink', names)] as const,
  )
  metrics.labelledGauge('sallyport_sink_lag_records', 'Records of the audit log that a sink has not taken yet.', 'sink', () =>
    lags(lagRecords),
  )
  metrics.labelledGauge('sallyport_sink_lag_seconds', 'Age of the oldest record that a sink has not taken yet.', 'sink', () =>
    lags(lagSeconds),
  )
  metrics.labelledGauge('sallyport_sink_failing', 'Whether a sink takes nothing at present.', 'sink', () =>
    lags((progress) => (progress.problem === null ? 0 : 1)),
  )

  function lagRecords({ next }: Progress): number | null {
    return next === null ? null : Math.max(0, records() - next)
  }

  /** A process that is stuck or gone knows of no record: then since the sink had everything. */
  function lagSeconds(progress: Progress): number {
    if (lagRecords(progress) === 0) return 0
    const sinceMs = progress.oldestMs ?? caughtUpMs.get(progress.name) ?? startedMs
    return Math.max(0, (now() - sinceMs) / 1000)
  }

  function lags(read: (progress: Progress) => number | null): ReadonlyMap<string, number> {
    return new Map([...latest].flatMap(([name, progress]): [string, number][] => [[name, read(progress) ?? Number.NaN]]))
  }

  function count(progress: Progress): void {
    const known = latest.get(progress.name)
    for (const [kind, counter] of counters) {
      const from = known !== undefined && known[kind] <= progress[kind] ? known[kind] : 0
      const more = progress[kind] - from
      const totals = before.get(progress.name)
      if (totals !== undefined) totals[kind] += more
      if (more > 0) counter.inc({ sink: progress.name }, more)
    }
  }

  function say({ name, problem }: Progress): void {
    const known = latest.get(name)?.problem ?? null
    if (problem === known) return
    if (problem === null) logger.info({ sink: name }, 'a sink of the audit log takes records again')
    else logger.warn({ sink: name, problem }, 'a sink of the audit log takes nothing; it is tried again, and no request is affected')
  }

  return {
    take(progress) {
      for (const sink of progress) {
        count(sink)
        say(sink)
        latest.set(sink.name, sink)
        if (lagRecords(sink) === 0) caughtUpMs.set(sink.name, now())
      }
    },
    status: () =>
      sinks.map(({ name, type }) => {
        const progress = latest.get(name)
        const totals = before.get(name) ?? { shipped: 0, dropped: 0, refused: 0, lost: 0, errors: 0 }
        return {
          ...{ name, type, next: progress?.next ?? null, ...totals, problem: progress?.problem ?? null },
          lagRecords: progress === undefined ? null : lagRecords(progress),
          lagSeconds: progress === undefined ? 0 : lagSeconds(progress),
        }
      }),
  }
}
