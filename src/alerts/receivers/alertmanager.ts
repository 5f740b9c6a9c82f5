/**
 * Prometheus Alertmanager, API v2. It takes an alert for resolved that is not sent again, so active ones are; labels are what an alert
 * is known by, so another severity ends one and begins another.
 */
import type { Severity } from '../../core/index.ts'
import type { Alert } from '../alert.ts'
import type { Notice, Transport } from '../receiver.ts'
import type { Post } from './post.ts'

export interface AlertmanagerOptions {
  readonly post: Post
  readonly resendMs: number
  readonly labels: Readonly<Record<string, string>>
  readonly gateway: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What it takes in one request, as Prometheus sends it. */
const maxAlerts = 64
/** As Prometheus: an alert outlives three that are lost. */
const lives = 4

export function createAlertmanager({ post, resendMs, labels, gateway, now }: AlertmanagerOptions): Transport {
  const label = (alert: Alert, severity: Severity) => ({
    ...labels,
    alertname: alert.rule,
    severity,
    gateway,
    ...labelled('integration', alert.integration),
    ...labelled('destination', alert.destination),
    ...labelled('owner', alert.owner),
  })
  const body = (alert: Alert, severity: Severity, endsAt: number) => ({
    labels: label(alert, severity),
    annotations: annotationsOf(alert),
    // It takes no alert that ends before it starts, as one does over which the clock was set back.
    startsAt: new Date(Math.min(alert.firstAt, endsAt)).toISOString(),
    endsAt: new Date(endsAt).toISOString(),
  })
  const current = (alert: Alert) =>
    body(alert, alert.severity, alert.resolvedAt === null ? now() + lives * resendMs : Math.min(alert.resolvedAt, now()))
  const send = (alerts: readonly object[], signal: AbortSignal) => post.send(JSON.stringify(alerts), {}, signal)

  return {
    send: ({ alert, event, previousSeverity }: Notice, signal) =>
      send(
        previousSeverity === null || event !== 'escalated' ? [current(alert)] : [body(alert, previousSeverity, now()), current(alert)],
        signal,
      ),
    // What is sent again tells the same.
    sendDropped: async () => {},
    repeat: {
      everyMs: resendMs,
      async send(alerts, signal) {
        for (let from = 0; from < alerts.length; from += maxAlerts) await send(alerts.slice(from, from + maxAlerts).map(current), signal)
      },
    },
    close: post.close,
  }
}

/** Prometheus' labels are without NUL and half characters; an empty one is none. */
function labelled(name: string, value: string | null): Readonly<Record<string, string>> {
  return value === null || value === '' ? {} : { [name]: value.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, maxLabelCharacters) }
}

const maxLabelCharacters = 1024

function annotationsOf({
  id,
  title,
  detail,
  state,
  count,
  ids,
  acknowledgedBy,
  reason,
  playbook,
}: Alert): Readonly<Record<string, string>> {
  return {
    ...labelled('summary', title),
    ...labelled('description', detail),
    alert: id,
    state,
    count: String(count),
    ...labelled('requests', ids.join(' ')),
    ...labelled('acknowledged_by', acknowledgedBy),
    ...labelled('reason', reason),
    ...labelled('playbook', playbook),
  }
}
