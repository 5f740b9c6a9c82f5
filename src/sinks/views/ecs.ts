/** Records with the fields of the Elastic Common Schema (ECS 9); what has no field there is below `sallyport`. */
import { isIP } from 'node:net'
import type { JsonObject } from '../../core/index.ts'
import { type Fields, fieldsOf, present, urlOf, type View, type ViewContext } from './view.ts'

const ecsVersion = '9.1.0'

/** `event.category` and `event.type`, both of ECS's closed lists. */
interface Categories {
  readonly category: readonly string[]
  readonly type: readonly string[]
}

const acts: Readonly<Record<string, Categories>> = {
  started: { category: ['process'], type: ['start'] },
  stopped: { category: ['process'], type: ['end'] },
  settled: { category: ['network', 'web'], type: ['connection', 'end'] },
  refused: { category: ['network', 'web'], type: ['connection', 'denied'] },
  summed: { category: ['network', 'web'], type: ['connection', 'denied'] },
  revoked: { category: ['network', 'session'], type: ['end', 'denied'] },
  suspended: { category: ['iam', 'configuration'], type: ['change'] },
  resumed: { category: ['iam', 'configuration'], type: ['change'] },
  containment: { category: ['iam', 'configuration'], type: ['change'] },
  access: { category: ['iam', 'configuration'], type: ['change'] },
  'operator-refused': { category: ['authentication'], type: ['info'] },
}
const otherwise: Categories = { category: ['configuration'], type: ['change'] }

export const ecsView: View = {
  record(record, context) {
    const fields = fieldsOf(record)
    const type = fields.text('type') ?? 'unknown'
    const isRequest = ['decided', 'refused', 'settled'].includes(type)
    return { ...commonOf(fields, type, context), ...(isRequest && requestOf(fields)) }
  },
  checkpoint: ({ size, note, time }, context) => commonOf(fieldsOf({ type: 'checkpoint', time, size, note }), 'checkpoint', context),
}

const mapped: ReadonlySet<string> = new Set(['seq', 'time', 'type', 'trace'])

function commonOf(fields: Fields, type: string, { origin, version }: ViewContext): JsonObject {
  const seq = fields.number('seq')
  const allow = fields.flag('allow')
  const categories = allow === undefined ? acts[type] : { category: ['network', 'web'], type: ['access', allow ? 'allowed' : 'denied'] }
  const { category, type: types } = categories ?? otherwise
  const integration = fields.text('integration')
  return {
    '@timestamp': fields.text('time') ?? '',
    ecs: { version: ecsVersion },
    event: present({
      kind: 'event',
      category: [...category],
      type: [...types],
      action: type,
      dataset: 'sallyport.audit',
      module: 'sallyport',
      outcome: outcomeOf(fields, type),
      sequence: seq,
      id: seq === undefined ? undefined : `${origin}#${seq}`,
      reason: fields.text('detail') ?? fields.text('problem'),
      duration: nanosOf(fields.number('durationMs')),
    }),
    observer: { type: 'proxy', vendor: 'Sallyport', product: 'Sallyport', name: origin, version },
    ...present({
      service: integration === undefined ? undefined : { name: integration },
      trace: present({ id: fields.text('trace') }),
      rule: present({ name: fields.text('rule'), ruleset: fields.text('revision') }),
    }),
    sallyport: fields.except(mapped),
  }
}

function outcomeOf(fields: Fields, type: string): string | undefined {
  if (type === 'settled') return fields.text('problem') === undefined ? 'success' : 'failure'
  if (type === 'refused' || type === 'rejected') return 'failure'
  // The decision was made, whatever it is.
  return type === 'decided' ? 'success' : undefined
}

function requestOf(fields: Fields): JsonObject {
  const subject = fields.object('subject')
  const peer = fields.text('peer')
  const dialled = fields.object('dialled')
  const status = fields.number('status')
  const host = subject.text('host')
  return present({
    source: present({ address: peer, ip: ipOf(peer), port: fields.number('peerPort') }),
    destination: present({
      address: host ?? dialled.text('address'),
      domain: host !== undefined && isIP(host) === 0 ? host : undefined,
      ip: ipOf(dialled.text('address') ?? host),
      port: subject.number('port') ?? dialled.number('port'),
    }),
    url: present({
      full: urlOf(subject),
      scheme: subject.text('scheme'),
      domain: host,
      port: subject.number('port'),
      path: subject.text('path'),
      query: subject.text('query'),
    }),
    http: present({
      request: present({ id: fields.text('id'), method: subject.text('method'), body: bytesOf(fields.number('sentBytes')) }),
      response: present({ status_code: status, mime_type: fields.text('receivedType'), body: bytesOf(fields.number('receivedBytes')) }),
    }),
  })
}

function bytesOf(bytes: number | undefined): JsonObject | undefined {
  return bytes === undefined ? undefined : { bytes }
}

function ipOf(address: string | undefined): string | undefined {
  return address === undefined || isIP(address) === 0 ? undefined : address.replace(/%.*$/, '')
}

function nanosOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1e6)
}
