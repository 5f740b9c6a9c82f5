/** Requests as OCSF's HTTP Activity (4002): what was decided or refused, and, as an event of its own, how it ended. */
import { isIP } from 'node:net'
import type { JsonObject } from '../../../core/index.ts'
import { type Fields, fieldsOf, present, urlOf, type ViewContext } from '../view.ts'
import { ocsfEvent, severity } from './event.ts'

const httpActivity = { uid: 4002, category: 4 }
const activities: Readonly<Record<string, number>> = {
  CONNECT: 1,
  DELETE: 2,
  GET: 3,
  HEAD: 4,
  OPTIONS: 5,
  POST: 6,
  PUT: 7,
  TRACE: 8,
  PATCH: 9,
}
const otherActivity = 99
const action = { allowed: 1, denied: 2, observed: 3 } as const
const disposition = { allowed: 1, blocked: 2, logged: 17, rejected: 25 } as const

export function decidedEvent(record: JsonObject, context: ViewContext): JsonObject {
  const fields = fieldsOf(record)
  const isAllowed = fields.flag('allow') === true
  const rule = fields.text('rule') ?? 'unknown'
  return requestEvent(record, context, {
    isAllowed,
    disposition: isAllowed ? disposition.allowed : disposition.blocked,
    mapped: ['allow', 'rule', 'revision'],
    members: {
      firewall_rule: { uid: rule, name: rule },
      policy: present({ name: 'sallyport', uid: fields.text('revision'), is_applied: true }),
      authorizations: [{ decision: isAllowed ? 'allow' : 'deny', policy: { name: rule } }],
    },
  })
}

export function refusedEvent(record: JsonObject, context: ViewContext): JsonObject {
  const fields = fieldsOf(record)
  const members = present({ status_code: fields.text('code'), status_detail: fields.text('detail') })
  return requestEvent(record, context, { isAllowed: false, disposition: disposition.rejected, mapped: ['code', 'detail'], members })
}

interface RequestParts {
  readonly isAllowed: boolean
  readonly disposition: number
  readonly mapped: readonly string[]
  readonly members: JsonObject
}

function requestEvent(record: JsonObject, context: ViewContext, parts: RequestParts): JsonObject {
  const fields = fieldsOf(record)
  const subject = fields.object('subject')
  const method = subject.text('method') ?? (fields.text('kind') === 'tunnel' ? 'CONNECT' : undefined)
  const peer = fields.text('peer') ?? ''
  const trace = fields.text('trace')
  return ocsfEvent(record, context, {
    of: httpActivity,
    activity: activities[method ?? ''] ?? otherActivity,
    severity: parts.isAllowed ? severity.informational : severity.low,
    profiles: ['security_control', 'network_proxy', ...(trace === undefined ? [] : ['trace'])],
    mapped: [...parts.mapped, 'integration', 'peer', 'peerPort', 'trace', ...(isWebSubject(fields) ? ['subject'] : [])],
    members: {
      action_id: parts.isAllowed ? action.allowed : action.denied,
      disposition_id: parts.disposition,
      status_id: parts.isAllowed ? 1 : 2,
      src_endpoint: present({
        name: fields.text('integration') ?? 'unknown',
        ip: isIP(peer) === 0 ? undefined : peer.replace(/%.*$/, ''),
        port: fields.number('peerPort'),
      }),
      ...present({ dst_endpoint: destinationOf(subject), trace: trace === undefined ? undefined : { uid: trace } }),
      proxy_endpoint: { name: context.origin, svc_name: 'sallyport' },
      http_request: present({ uid: fields.text('id'), http_method: method, url: requestUrl(subject) }),
      ...parts.members,
    },
  })
}

/** Of files, lookups and the caller's own rights the subject has no place in this class. */
function isWebSubject(fields: Fields): boolean {
  return ['http', 'tunnel', 'service', undefined].includes(fields.text('kind'))
}

function destinationOf(subject: Fields): JsonObject | undefined {
  const found = present({ hostname: subject.text('host'), svc_name: subject.text('name') })
  return Object.keys(found).length === 0 ? undefined : { ...found, ...present({ port: portOf(subject) }) }
}

function requestUrl(subject: Fields): JsonObject | undefined {
  const [urlString, path] = [urlOf(subject), subject.text('path')]
  if (urlString === undefined && path === undefined) return undefined
  return present({
    url_string: urlString,
    scheme: subject.text('scheme'),
    hostname: subject.text('host'),
    port: portOf(subject),
    path,
    query_string: subject.text('query'),
  })
}

/** What a caller wrote, and was refused, may be no port. */
function portOf(subject: Fields): number | undefined {
  const port = subject.number('port')
  return port === undefined || port > 65_535 ? undefined : port
}

const endMembers = ['status', 'problem', 'detail', 'sentBytes', 'receivedBytes', 'receivedType', 'durationMs', 'dialled']

export function settledEvent(record: JsonObject, context: ViewContext): JsonObject {
  const fields = fieldsOf(record)
  const status = fields.number('status') ?? 0
  const [problem, side, detail] = [fields.text('problem'), fields.text('side'), fields.text('detail')]
  const isDenied = side === 'policy' || side === 'cap'
  const [bytesOut, bytesIn] = [fields.number('sentBytes') ?? 0, fields.number('receivedBytes') ?? 0]
  const dialled = fields.object('dialled')
  const address = dialled.text('address')
  const ip = address === undefined || isIP(address) === 0 ? undefined : address.replace(/%.*$/, '')
  return ocsfEvent(record, context, {
    of: httpActivity,
    activity: otherActivity,
    severity: severity.informational,
    profiles: ['security_control', 'network_proxy'],
    // The certificate's hash has no place without its issuer.
    mapped: endMembers.filter((member) => member !== 'dialled' || dialled.text('certificate') === undefined),
    members: {
      action_id: isDenied ? action.denied : action.observed,
      disposition_id: isDenied ? disposition.blocked : disposition.logged,
      status_id: problem === undefined && status < 500 ? 1 : 2,
      ...present({ status_code: problem, status_detail: detail, duration: roundedOf(fields.number('durationMs')) }),
      proxy_endpoint: { name: context.origin, svc_name: 'sallyport' },
      ...present({ dst_endpoint: ip === undefined ? undefined : present({ ip, port: dialled.number('port') }) }),
      http_status: status,
      http_response: present({ code: status, content_type: fields.text('receivedType'), body_length: bytesIn }),
      traffic: { bytes: bytesOut + bytesIn, bytes_out: bytesOut, bytes_in: bytesIn },
    },
  })
}

function roundedOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms)
}
