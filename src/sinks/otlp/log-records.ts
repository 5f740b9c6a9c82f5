/** Records and checkpoints as OpenTelemetry's log records, with its semantic conventions where there are some. */
import { type Attributes, type HrTime, SeverityNumber } from '@opentelemetry/api'
import type { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { JsonObject } from '../../core/index.ts'
import type { Shipped, SinkContext } from '../sink.ts'

export type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number]

export interface LogRecordOptions {
  /** In other views a member means something else, and what it means stands in the body alone. */
  readonly isStoredForm: boolean
  /** Of the resource, beside the gateway's own. */
  readonly attributes: Readonly<Record<string, string>>
}

export function createLogRecords({ origin, version }: SinkContext, { isStoredForm, attributes }: LogRecordOptions) {
  const resource = resourceFromAttributes({
    'service.name': 'sallyport',
    'service.version': version,
    ...attributes,
    // The log's name: one gateway, as long as its log lasts.
    'service.instance.id': origin,
  })
  const instrumentationScope = { name: 'sallyport.audit', version }
  return (items: readonly Shipped[], now: HrTime): LogRecord[] =>
    items.map((item) => ({
      resource,
      instrumentationScope,
      hrTime: timeOf(item.time, now),
      hrTimeObserved: now,
      body: item.text,
      droppedAttributesCount: 0,
      ...described(item, origin, isStoredForm),
    }))
}

type Described = Pick<LogRecord, 'attributes' | 'eventName' | 'severityNumber' | 'severityText' | 'spanContext'>

function described(item: Shipped, origin: string, isStoredForm: boolean): Described {
  if (item.kind === 'checkpoint')
    return {
      ...info,
      eventName: 'sallyport.audit.checkpoint',
      attributes: {
        'log.record.uid': `${origin}#checkpoint-${item.size}`,
        'sallyport.audit.size': item.size,
        'sallyport.audit.note': item.note,
      },
    }
  const { index, leaf, leftOut, type } = item
  const document = isStoredForm ? item.document : {}
  return {
    ...severityOf(type, document),
    ...spanOf(document),
    eventName: `sallyport.audit.${type}`,
    attributes: {
      'log.record.uid': `${origin}#${index}`,
      'sallyport.audit.index': index,
      'sallyport.audit.leaf': leaf,
      ...(leftOut > 0 ? { 'sallyport.audit.left_out': leftOut } : {}),
      ...known(document),
    },
  }
}

const info = { severityNumber: SeverityNumber.INFO, severityText: 'INFO' }
const warn = { severityNumber: SeverityNumber.WARN, severityText: 'WARN' }

/** What was not let through, and what an operator should look at. */
const warnings = new Set(['refused', 'rejected', 'difference', 'reference', 'revoked', 'breaker', 'continued', 'sink-gap', 'sink-refused'])

function severityOf(type: string, { allow }: JsonObject): typeof info {
  return warnings.has(type) || allow === false ? warn : info
}

/** Attribute of each member, where it is a plain value; the whole record is the body. */
const members: Readonly<Record<string, string>> = {
  id: 'sallyport.request.id',
  parent: 'sallyport.request.parent',
  integration: 'sallyport.integration',
  identity: 'sallyport.identity',
  kind: 'sallyport.resource.kind',
  action: 'sallyport.action',
  allow: 'sallyport.decision.allow',
  rule: 'sallyport.decision.rule',
  capability: 'sallyport.decision.capability',
  revision: 'sallyport.policy.revision',
  code: 'error.type',
  problem: 'error.type',
  peer: 'network.peer.address',
  status: 'http.response.status_code',
}

/** Of the subject of a request over HTTP. */
const subjectMembers: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  scheme: 'url.scheme',
  host: 'server.address',
  port: 'server.port',
  path: 'url.path',
  query: 'url.query',
}

function known(document: JsonObject): Attributes {
  const { subject } = document
  const isObject = typeof subject === 'object' && subject !== null && !Array.isArray(subject)
  return { ...named(document, members), ...(isObject ? named(subject as JsonObject, subjectMembers) : {}) }
}

function named(document: JsonObject, names: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(
    Object.entries(names).flatMap(([member, name]) => {
      const value = Object.hasOwn(document, member) ? document[member] : undefined
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [[name, value]] : []
    }),
  )
}

const traceId = /^(?!0{32}$)[0-9a-f]{32}$/

/** The trace that the request is a part of, as its spans have it. */
function spanOf({ trace }: JsonObject): Pick<LogRecord, 'spanContext'> {
  return typeof trace === 'string' && traceId.test(trace) ? { spanContext: { traceId: trace, spanId: '', traceFlags: 0 } } : {}
}

/** RFC 3339 in seconds and nanoseconds; now, where that is not a time. */
function timeOf(text: string, now: HrTime): HrTime {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? now : hrTime(ms)
}

export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
