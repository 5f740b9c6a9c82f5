/** Posts runs and findings to a receiver, signed as Standard Webhooks say (https://www.standardwebhooks.com). */
import { createServerClient, webhookHeaders } from '../bundles/index.ts'
import type { WebhookConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'

export interface Message {
  /** The same at each attempt, so that its receiver knows one that it has. */
  readonly id: string
  readonly type: 'review.finding' | 'review.completed'
  /** ISO 8601: when it came about. */
  readonly timestamp: string
  readonly data: object
}

/** Nothing of an answer is read but its status. */
const maxReplyBytes = 64 * 1024

/** One after the other, in their order; gives those that were not taken, and why the first was not. */
export async function deliver(
  { url, secret, ca, timeoutMs }: WebhookConfig,
  messages: readonly Message[],
): Promise<{ readonly left: readonly Message[]; readonly problem: string | null }> {
  const { origin, pathname: path } = new URL(url)
  const server = { name: 'review', url: new URL(origin), bearer: null, clientCertificate: null, ca, headers: [], timeoutMs }
  const client = createServerClient(server, createOperatorLookup())
  try {
    for (const [index, message] of messages.entries()) {
      const body = JSON.stringify({ type: message.type, timestamp: message.timestamp, data: message.data })
      const signed = webhookHeaders({ id: message.id, body, secret, nowMs: Date.now() })
      const headers = { 'content-type': 'application/json', ...signed }
      const problem = await client.request({ method: 'POST', path, headers, body: Buffer.from(body), maxBytes: maxReplyBytes }).then(
        ({ status }) => (status >= 200 && status < 300 ? null : `${client.urlOf(path)} answers with ${status}`),
        (error: Error) => error.message,
      )
      if (problem !== null) return { left: messages.slice(index), problem }
    }
    return { left: [], problem: null }
  } finally {
    await client.close()
  }
}
