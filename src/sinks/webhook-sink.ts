/** A sink that takes POST requests: JSON arrays, each with an id by which a repetition is known, and a signature. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { createServerClient, webhookHeaders } from '../bundles/index.ts'
import type { SinkConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import { Refused, RetryLater, type Shipped, type Sink } from './sink.ts'

export type WebhookConfig = Extract<SinkConfig, { readonly type: 'webhook' }>

const compress = promisify(gzip)
/** Nothing of an answer is read but its status. */
const maxReplyBytes = 64 * 1024
/** RFC 9110 §15.5: the content itself is what the receiver does not take. */
const refusals = new Set([400, 413, 415, 422])

/** A batch is taken once a whole answer of 2xx has arrived. The clock is milliseconds since the epoch. */
export function createWebhookSink(config: WebhookConfig, now: () => number = Date.now): Sink {
  const { name, token, clientCertificate, ca, headers, timeout: timeoutMs, signing } = config
  const url = new URL(config.url)
  const server = createServerClient(
    {
      ...{ name, url: new URL(url.origin), bearer: token ?? null, clientCertificate: clientCertificate ?? null, ca: ca ?? null, timeoutMs },
      headers: Object.entries(headers).map(([header, value]) => ({ name: header, value })),
    },
    createOperatorLookup(),
  )

  return {
    async deliver(batch, signal) {
      const content = Buffer.from(`[${batch.map(({ text }) => text).join(',')}]`)
      const id = idOf(batch, content)
      const { status, headers: answered } = await server.request({
        ...{ method: 'POST', path: url.pathname, maxBytes: maxReplyBytes, signal },
        headers: {
          'content-type': 'application/json',
          ...(config.gzip && { 'content-encoding': 'gzip' }),
          ...webhookHeaders({ id, body: content, secret: signing ?? null, nowMs: now() }),
          // For gateways that know that one.
          'idempotency-key': id,
        },
        body: config.gzip ? await compress(content) : content,
      })
      if (status >= 200 && status < 300) return
      const problem = `${server.urlOf(url.pathname)} answers with ${status}`
      throw refusals.has(status) ? new Refused(problem) : new RetryLater(problem, answered['retry-after'])
    },
    close: () => server.close(),
  }
}

/** The same for the same records, so that what is sent again is known. */
function idOf(batch: readonly Shipped[], content: Buffer): string {
  const first = batch.find((item) => item.kind === 'record')
  return `${first?.index ?? 'checkpoint'}-${createHash('sha256').update(content).digest('hex').slice(0, 32)}`
}
