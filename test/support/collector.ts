/** A server of tests that takes OPA's decision logs and status, as a control plane does. */
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { bodyOf, startOrigin } from './origin.ts'

export type Event = Readonly<Record<string, unknown>> & { readonly decision_id: string }

export interface Upload {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** As it came over the wire. */
  readonly bytes: number
  /** The document: of the decision log a list of events. */
  readonly body: unknown
  readonly status: number
}

export interface Collector {
  readonly url: string
  readonly uploads: Upload[]
  /** Of uploads that were taken. */
  events(): Event[]
  statuses(): Record<string, never>[]
  /** What the next requests are answered with, instead of 200; `hang` never answers, `reset` breaks the connection. */
  answers: (number | 'hang' | 'reset')[]
  /** What requests are answered with when `answers` is used up. */
  otherwise: number | 'hang' | 'reset'
  /** Resolves once `holds`; it is asked after each request. */
  until(holds: () => boolean): Promise<void>
  close(): void
}

export async function startCollector(t: TestContext): Promise<Collector> {
  const waiting: { holds: () => boolean; resolve: () => void }[] = []
  const answer: RequestListener = async (req, res) => {
    const raw = await bodyOf(req).catch(() => Buffer.alloc(0))
    const next = collector.answers.shift() ?? collector.otherwise
    const text = req.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    const status = typeof next === 'number' ? next : 0
    assert.equal(req.method, 'POST')
    collector.uploads.push({ url: req.url ?? '', headers: req.headers, bytes: raw.byteLength, body: JSON.parse(String(text)), status })
    if (next === 'reset') req.socket.destroy()
    else if (next !== 'hang') res.writeHead(next).end()
    for (const item of waiting.splice(0)) item.holds() ? item.resolve() : waiting.push(item)
  }
  const origin = await startOrigin(t, { answer })
  const taken = (path: string) => collector.uploads.filter(({ url, status }) => url.startsWith(path) && status === 200)
  const collector: Collector = {
    url: `http://127.0.0.1:${origin.port}`,
    uploads: [],
    answers: [],
    otherwise: 200,
    events: () => taken('/logs').flatMap(({ body }) => body as Event[]),
    statuses: () => taken('/status').map(({ body }) => body as Record<string, never>),
    until: (holds) => (holds() ? Promise.resolve() : new Promise((resolve) => waiting.push({ holds, resolve }))),
    close() {
      origin.server.closeAllConnections()
      origin.server.close()
    },
  }
  return collector
}
