/** A sink that speaks OTLP over HTTP, in protobuf: POST of `v1/logs` (OpenTelemetry protocol 1.x). */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { createServerClient } from '../../bundles/index.ts'
import { type SinkConfig, serverFrom } from '../../config/index.ts'
import { createOperatorLookup } from '../../egress/index.ts'
import { type PartlyRefused, Refused, RetryLater, type Sink, type SinkContext } from '../sink.ts'
import { createLogRecords, hrTime } from './log-records.ts'

export type OtlpSettings = Extract<SinkConfig, { readonly type: 'otlp' }>

const path = 'v1/logs'
/** An answer is empty, or one sentence. */
const maxReplyBytes = 64 * 1024
const contentType = 'application/x-protobuf'
/** The content itself is what the receiver does not take; the protocol forbids to send it again. */
const refusals = new Set([400, 413, 422])
/** The only answers that the protocol has sent again; what a person has to put right is too, since nothing may be lost. */
const throttled = new Set([429, 502, 503, 504])

const compress = promisify(gzip)

export function createOtlpSink(settings: OtlpSettings, context: SinkContext): Sink {
  const { compression, attributes } = settings
  const server = createServerClient(serverFrom(settings), createOperatorLookup())
  const logRecords = createLogRecords(context, { attributes, isStoredForm: settings.view === 'json' })
  const url = server.urlOf(path)

  return {
    async deliver(batch, signal) {
      const body = ProtobufLogsSerializer.serializeRequest(logRecords(batch, hrTime(Date.now())))
      if (body === undefined) throw new Refused('it cannot be written as protobuf')
      const isGzip = compression === 'gzip'
      const {
        status,
        headers,
        body: reply,
      } = await server.request({
        method: 'POST',
        path,
        headers: { 'content-type': contentType, ...(isGzip && { 'content-encoding': 'gzip' }) },
        body: isGzip ? await compress(body) : body,
        maxBytes: maxReplyBytes,
        signal,
      })
      if (status >= 200 && status < 300) return rejectedOf(headers['content-type'], reply)
      const problem = `${url} answers with ${status}${saidIn(reply)}`
      if (refusals.has(status)) throw new Refused(problem)
      if (throttled.has(status)) throw new RetryLater(problem, headers['retry-after'])
      throw new Error(problem)
    },
    close: () => server.close(),
  }
}

/**
 * What of the batch the receiver has said that it did not take, without saying which; the protocol forbids to send any of it again.
 * Throws where the answer is not one of OTLP: a web server that answers everything with 200 would take the whole log to nowhere.
 */
function rejectedOf(type: string | string[] | undefined, reply: Buffer): PartlyRefused | undefined {
  // As some receivers answer, with 204.
  if (reply.byteLength === 0) return undefined
  if (String(type).split(';')[0]?.trim() !== contentType) throw new Error(`its answer is not OTLP in protobuf but ${String(type)}`)
  const { rejectedLogRecords: count = 0, errorMessage = '' } = ProtobufLogsSerializer.deserializeResponse(reply).partialSuccess ?? {}
  return count > 0 ? { count, why: errorMessage === '' ? 'the receiver does not say why' : errorMessage } : undefined
}

/** The sentence in it, whether it is text or a message of protobuf (google.rpc.Status). */
function saidIn(reply: Buffer): string {
  const said = reply
    .toString('latin1')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200)
  return said === '' ? '' : `: ${said}`
}
