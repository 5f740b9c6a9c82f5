/** The records of watching: what is unusual, and what becomes of it. */
import { severities } from '../../core/index.ts'
import { count, integration, oneOf, optional, type RecordType, text, time } from './members.ts'

export const watching: Readonly<Record<string, RecordType>> = {
  alert: {
    description:
      'Watching has found something unusual, or that alert has changed ([alerts](../watch/alerts.md)). What is found again and again is one alert, with one record when it is raised.',
    members: {
      alert: text('its id: the same one through its life', 64),
      event: oneOf('that happened: `escalated` is to a higher severity, `reopened` after its resolution', [
        'raised',
        'reopened',
        'escalated',
        'acknowledged',
        'resolved',
      ]),
      state: oneOf('after it', ['open', 'acknowledged', 'resolved']),
      rule: text('that found it', 200),
      severity: oneOf('of the alert', severities),
      integration: optional(integration('that it is about; absent: the gateway itself')),
      owner: optional(text('of the integration, from its manifest', 300)),
      destination: optional(text('that it is about; `(others)` where one rule found more than fifty of one integration')),
      title: text('what was found'),
      detail: text('why it is unusual'),
      count: count('how often it was found so far'),
      since: time('when it was first found'),
      requests: optional(text('ids of requests that show it, with spaces between them')),
      who: optional(text('acknowledged it', 300)),
      reason: optional(text('that was given', 600)),
    },
  },
}
