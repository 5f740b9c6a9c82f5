/** A receiver that takes signed JSON, one message a POST. */
import { webhookHeaders } from '../../bundles/index.ts'
import type { Dropped, Notice, Transport } from '../receiver.ts'
import { isoOf, shownAlert } from '../shown.ts'
import type { Post } from './post.ts'

export interface WebhookOptions {
  readonly post: Post
  readonly secret: string | null
  readonly gateway: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createWebhook({ post, secret, gateway, now }: WebhookOptions): Transport {
  const send = (id: string, message: object, signal: AbortSignal) => {
    const body = JSON.stringify(message)
    return post.send(body, webhookHeaders({ id, body, secret, nowMs: now() }), signal)
  }
  return {
    send: ({ event, alert, previousSeverity, at }: Notice, signal) =>
      send(
        `${alert.id}.${event}.${at}`,
        { type: `alert.${event}`, timestamp: isoOf(at), gateway, data: { ...ofAlert(alert), previousSeverity } },
        signal,
      ),
    sendDropped: ({ count, from, to, alerts }: Dropped, signal) =>
      send(
        `dropped.${from}.${to}`,
        { type: 'alerts.dropped', timestamp: isoOf(to), gateway, data: { count, from: isoOf(from), to: isoOf(to), alerts } },
        signal,
      ),
    close: post.close,
  }
}

/** Who else was told is not this receiver's concern. */
function ofAlert(alert: Notice['alert']): object {
  const { delivered: _delivered, ...shown } = shownAlert(alert)
  return shown
}
