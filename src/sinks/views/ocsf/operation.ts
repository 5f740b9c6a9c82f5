/** What is not a request: the operator's acts as API Activity (6003), findings (2004), the gateway's life (6002), and the rest. */
import type { JsonObject } from '../../../core/index.ts'
import { fieldsOf, present, type ViewContext } from '../view.ts'
import { ocsfEvent, severity } from './event.ts'

const finding = { uid: 2004, category: 2 }
const lifecycle = { uid: 6002, category: 6 }
const api = { uid: 6003, category: 6 }
const base = { uid: 0, category: 0 }

/** Findings by their titles. */
const findings: Readonly<Record<string, { readonly title: string; readonly severity: number }>> = {
  summed: { title: 'Requests were refused in such numbers that they are only counted', severity: severity.medium },
  difference: { title: 'The shadow policy decides a request differently', severity: severity.informational },
  reference: { title: 'OPA’s own SDK decides a request differently', severity: severity.high },
  revoked: { title: 'An open connection was no longer allowed and was cut', severity: severity.medium },
  breaker: { title: 'A circuit breaker has changed its state', severity: severity.low },
  rejected: { title: 'New manifests, rules or a bundle cannot be used', severity: severity.medium },
  'operator-refused': { title: 'Requests to the operator’s API proved nothing', severity: severity.medium },
  alert: { title: 'Something unusual passed', severity: severity.medium },
  finding: { title: 'A review of the audit log has found something', severity: severity.medium },
  continued: { title: 'An audit log was broken and was closed', severity: severity.high },
  'sink-refused': { title: 'A sink of the audit log refused records', severity: severity.medium },
  'sink-gap': { title: 'Records were removed before a sink had them', severity: severity.high },
}

const levels: Readonly<Record<string, number>> = { high: severity.high, medium: severity.medium, low: severity.low }

/** Activities of API Activity. */
const acts: Readonly<Record<string, number>> = {
  read: 2,
  acted: 3,
  access: 3,
  activated: 3,
  suspended: 3,
  resumed: 3,
  containment: 3,
  'ca-rotated': 3,
}
const otherActivity = 99

export function isFinding(type: string): boolean {
  return Object.hasOwn(findings, type)
}

export function findingEvent(record: JsonObject, context: ViewContext): JsonObject {
  const fields = fieldsOf(record)
  const known = findings[fields.text('type') ?? ''] ?? { title: 'A finding', severity: severity.medium }
  // A review says itself what it found, and how grave it is.
  const title = fields.text('title') ?? known.title
  const level = levels[fields.text('severity') ?? ''] ?? known.severity
  const desc = fields.text('problem') ?? fields.text('why')
  return ocsfEvent(record, context, {
    of: finding,
    activity: 1,
    severity: level,
    profiles: [],
    mapped: ['problem', 'why', 'title', 'severity'],
    members: {
      status_id: 1,
      message: title,
      finding_info: present({
        uid: `${context.origin}#${fields.number('seq') ?? ''}`,
        title,
        desc,
        types: [fields.text('type') ?? 'unknown'],
        created_time: Date.parse(fields.text('time') ?? '') || 0,
      }),
    },
  })
}

/** `started` and `stopped`. */
export function lifecycleEvent(record: JsonObject, context: ViewContext): JsonObject {
  const isStart = fieldsOf(record).text('type') === 'started'
  return ocsfEvent(record, context, {
    of: lifecycle,
    activity: isStart ? 3 : 4,
    severity: severity.informational,
    profiles: [],
    mapped: ['version'],
    members: { app: { name: 'Sallyport', vendor_name: 'Sallyport', version: context.version, uid: context.origin }, status_id: 1 },
  })
}

/** An act on the gateway; a type of record that this view does not know is one as well. */
export function actEvent(record: JsonObject, context: ViewContext): JsonObject {
  const fields = fieldsOf(record)
  const type = fields.text('type') ?? 'unknown'
  const integration = fields.text('integration')
  return ocsfEvent(record, context, {
    of: api,
    activity: acts[type] ?? otherActivity,
    severity: severity.informational,
    profiles: [],
    mapped: ['who', 'act', 'ok', ...(integration === undefined ? [] : ['integration'])],
    members: {
      status_id: fields.flag('ok') === false ? 2 : 1,
      actor: { user: { name: fields.text('who') ?? fields.text('by') ?? 'operator' } },
      api: { operation: fields.text('act') ?? type, service: { name: 'Sallyport', uid: context.origin } },
      src_endpoint: { name: context.origin },
      ...present({ resources: integration === undefined ? undefined : [{ type: 'integration', name: integration }] }),
    },
  })
}

export function checkpointEvent(note: JsonObject, context: ViewContext): JsonObject {
  return ocsfEvent(note, context, {
    of: base,
    activity: 0,
    severity: severity.informational,
    profiles: [],
    mapped: ['origin'],
    members: { message: 'A checkpoint of the audit log' },
  })
}
