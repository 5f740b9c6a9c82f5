/** What can be asked of alerts, and told to them, by name. */
import { type Severity, severities } from '../core/index.ts'
import type { AlertState } from './alert.ts'
import type { AlertFilter } from './alert-store.ts'
import type { Alerts } from './alerts.ts'
import { isoOf, shownAlert } from './shown.ts'

export type AlertArgs = Readonly<Record<string, string | number | boolean | null>>

/** Throws an Error that says what is wrong with the question; whoever asks is told. */
export const alertQuestions: Readonly<Record<string, (alerts: Alerts, args: AlertArgs) => unknown>> = {
  'alerts.list'(alerts, args) {
    const { alerts: listed, isWhole } = alerts.list(filterFrom(args))
    const receivers = alerts.status().receivers.map(({ oldestAt, droppedTotal: _droppedTotal, ...receiver }) => ({
      ...receiver,
      oldest: oldestAt === null ? null : isoOf(oldestAt),
    }))
    const { overflowed } = alerts.status()
    return { alerts: listed.map(shownAlert), isWhole, overflowed, receivers }
  },
  'alerts.show'(alerts, { id }) {
    const alert = alerts.byId(String(id))
    return alert === null ? null : shownAlert(alert)
  },
  'alerts.ack'(alerts, { id, by, reason }) {
    const change = alerts.acknowledge(String(id), String(by), reason === null || reason === undefined ? null : String(reason))
    return typeof change === 'string' ? { ok: false, problem: change } : { ok: true, alert: shownAlert(change.alert) }
  },
  /** `id event`, of each change that is in the audit log. */
  'alerts.recorded'(alerts, { changes }) {
    for (const change of String(changes).split(',')) alerts.recorded(...(change.split(' ', 2) as [string, string]))
    return null
  },
  async 'alerts.test'(alerts, { receiver }) {
    const tested = await alerts.test(String(receiver))
    if (typeof tested === 'string') return { ok: false, problem: tested }
    const { isTaken: ok, problem, ...answered } = tested
    return { ok, ...answered, ...(problem !== null && { problem }) }
  },
}

const states: readonly AlertState[] = ['open', 'acknowledged', 'resolved']

function filterFrom({ state, severity, integration, rule, since, limit }: AlertArgs): AlertFilter {
  const wanted = typeof state === 'string' ? states.filter((known) => state.split(',').includes(known)) : states
  return {
    states: wanted,
    ...(typeof severity === 'string' && isSeverity(severity) && { minSeverity: severity }),
    ...(typeof integration === 'string' && { integration }),
    ...(typeof rule === 'string' && { rule }),
    ...(typeof since === 'number' && { since }),
    ...(typeof limit === 'number' && { limit }),
  }
}

function isSeverity(text: string): text is Severity {
  return severities.some((severity) => severity === text)
}
