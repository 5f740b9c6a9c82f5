/** What every OCSF event has: its class, who reports it, and where the record is in the log. */
import type { JsonObject } from '../../../core/index.ts'
import { fieldsOf, present, type ViewContext } from '../view.ts'

export const ocsfVersion = '1.8.0'

export const severity = { informational: 1, low: 2, medium: 3, high: 4 } as const

export interface EventClass {
  readonly uid: number
  readonly category: number
}

export interface EventParts {
  readonly of: EventClass
  readonly activity: number
  readonly severity: number
  readonly profiles: readonly string[]
  /** Members of the class. */
  readonly members: JsonObject
  /** Members of the record that are in `members`; all others are `unmapped`. */
  readonly mapped: readonly string[]
}

const everywhere = ['seq', 'time', 'type', 'id']

export function ocsfEvent(record: JsonObject, context: ViewContext, parts: EventParts): JsonObject {
  const { of, activity, profiles, members, mapped } = parts
  const fields = fieldsOf(record)
  const seq = fields.number('seq')
  const time = fields.text('time') ?? ''
  return {
    class_uid: of.uid,
    category_uid: of.category,
    activity_id: activity,
    type_uid: of.uid * 100 + activity,
    time: Date.parse(time) || 0,
    severity_id: parts.severity,
    metadata: present({
      version: ocsfVersion,
      product: { name: 'Sallyport', vendor_name: 'Sallyport', version: context.version },
      profiles: [...profiles],
      log_name: context.origin,
      original_time: time,
      event_code: fields.text('type'),
      sequence: seq,
      uid: seq === undefined ? undefined : `${context.origin}#${seq}`,
      // What is decided and how it ends are two records of one request.
      correlation_uid: fields.text('id'),
    }),
    ...members,
    ...present({ unmapped: fields.except(new Set([...everywhere, ...mapped])) }),
  }
}
