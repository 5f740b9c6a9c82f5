/** What the process that watches says of alerts and their receivers, as records of the audit log, metrics and log lines. */
import type { AlertChange, AlertsStatus, ReceiverChange } from '../alerts/index.ts'
import type { AuditStation } from '../audit/index.ts'
import { type Severity, severities } from '../core/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface AlertReportsOptions {
  readonly receivers: readonly { readonly name: string }[]
  /** The newest that the process has said; `null` while it has said nothing. */
  readonly status: () => AlertsStatus | null
  readonly note: AuditStation['note']
  /** Resolves once what was noted is on disk. */
  readonly noted: AuditStation['noted']
  /** `id event` of changes that are in the log. */
  readonly confirm: (changes: readonly string[]) => Promise<unknown>
  readonly logger: Logger
  readonly metrics: Metrics
}

export interface AlertReports {
  onAlert(change: AlertChange): void
  onReceiver(change: ReceiverChange): void
  /** Counts what was delivered since the status before. */
  count(status: AlertsStatus): void
  /** `null` while the process has said nothing. */
  summary(): AlertsSummary | null
  /** Resolves once the process knows what is in the log: else it tells of it again when it is next started. Never rejects. */
  confirmed(): Promise<void>
}

/** How alerts are, in short. */
export interface AlertsSummary {
  /** Alerts that nobody has acknowledged, and those that somebody has in hand. */
  readonly open: number
  readonly acknowledged: number
  /** Of the open ones; `null`: there are none. */
  readonly highest: Severity | null
  readonly receivers: number
  /** Receivers that take nothing. */
  readonly failing: readonly { readonly name: string; readonly problem: string; readonly waiting: number; readonly oldest: string | null }[]
}

const counted = {
  taken: 'Messages about alerts that a receiver has taken.',
  failed: 'Attempts to deliver a message about an alert that failed, and are made again.',
  dropped: 'Messages about alerts that were given up since too many waited for the receiver.',
} as const
type Counted = keyof typeof counted
const kinds = Object.keys(counted) as readonly Counted[]

export function createAlertReports({ receivers, status, note, noted, confirm, logger, metrics }: AlertReportsOptions): AlertReports {
  const names = receivers.map(({ name }) => name)
  const latest = new Map<string, Readonly<Record<Counted, number>>>()
  const counters = kinds.map(
    (kind) => [kind, metrics.labelledCounter(`sallyport_alert_messages_${kind}_total`, counted[kind], 'receiver', names)] as const,
  )
  metrics.labelledGauge('sallyport_alerts_open', 'Alerts that nobody has acknowledged, and that are not resolved.', 'severity', () => {
    const open = status()?.open
    return new Map(severities.map((severity) => [severity, open?.[severity] ?? 0]))
  })
  metrics.gauge('sallyport_alerts_acknowledged', 'Alerts that are acknowledged and not resolved.', () => status()?.acknowledged ?? 0)
  const ofReceivers = (read: (receiver: AlertsStatus['receivers'][number]) => number) => () =>
    new Map(status()?.receivers.map((receiver) => [receiver.name, read(receiver)]))
  metrics.labelledGauge(
    'sallyport_alert_messages_waiting',
    'Messages about alerts that a receiver has not taken yet.',
    'receiver',
    ofReceivers(({ waiting }) => waiting),
  )
  metrics.labelledGauge(
    'sallyport_alert_receiver_failing',
    'Whether a receiver of alerts takes nothing at present.',
    'receiver',
    ofReceivers(({ problem }) => (problem === null ? 0 : 1)),
  )

  let unconfirmed: string[] = []
  let confirming: Promise<void> | null = null

  async function confirmAll(): Promise<void> {
    try {
      while (unconfirmed.length > 0) {
        const changes = unconfirmed
        unconfirmed = []
        await noted()
        await confirm(changes)
      }
    } catch {
      // They are told of again by the next process: better twice in the log than never.
    }
  }

  return {
    onAlert({ event, alert }) {
      note('alert', factsOf(event, alert))
      unconfirmed.push(`${alert.id} ${event}`)
      confirming ??= confirmAll().finally(() => {
        confirming = null
      })
      const { id, rule, severity, integration, destination, title } = alert
      const line = { alert: id, event, rule, severity, integration, destination, title }
      if (event === 'acknowledged' || event === 'resolved') logger.info(line, 'an alert has ended, or is in hand')
      else logger.warn(line, 'something unusual passed')
    },
    onReceiver({ receiver, problem, dropped }) {
      if (problem !== null)
        logger.warn({ receiver, problem }, 'a receiver of alerts takes nothing; it is tried again, and no request waits')
      else logger.info({ receiver, dropped }, 'a receiver of alerts takes messages again; those that were given up meanwhile are counted')
    },
    count({ receivers: told }) {
      for (const { name, taken, failed, droppedTotal: dropped } of told) {
        const now = { taken, failed, dropped }
        const before = latest.get(name) ?? { taken: 0, failed: 0, dropped: 0 }
        // A process that was started again counts from zero.
        for (const [kind, counter] of counters) {
          const more = now[kind] - (before[kind] <= now[kind] ? before[kind] : 0)
          if (more > 0) counter.inc({ receiver: name }, more)
        }
        latest.set(name, now)
      }
    },
    summary() {
      const said = status()
      return said === null ? null : summaryOf(said)
    },
    async confirmed() {
      await confirming
    },
  }
}

function summaryOf({ open, acknowledged, receivers }: AlertsStatus): AlertsSummary {
  return {
    open: Object.values(open).reduce((sum, count) => sum + count, 0),
    acknowledged,
    highest: severities.findLast((severity) => open[severity] > 0) ?? null,
    receivers: receivers.length,
    failing: receivers.flatMap(({ name, problem, waiting, oldestAt }) =>
      problem === null ? [] : [{ name, problem, waiting, oldest: oldestAt === null ? null : new Date(oldestAt).toISOString() }],
    ),
  }
}

function factsOf(event: AlertChange['event'], alert: AlertChange['alert']): Record<string, string | number> {
  const { id, state, rule, severity, integration, owner, destination, title, detail, count, firstAt, ids, acknowledgedBy, reason } = alert
  return {
    ...{ alert: id, event, state, rule, severity },
    ...(integration !== null && { integration }),
    ...(owner !== null && { owner }),
    ...(destination !== null && { destination }),
    ...{ title, detail, count, since: new Date(firstAt).toISOString() },
    ...(ids.length > 0 && { requests: ids.join(' ') }),
    ...(acknowledgedBy !== null && { who: acknowledgedBy }),
    ...(reason !== null && reason !== '' && { reason }),
  }
}
