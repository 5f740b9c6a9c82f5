/** One question to a bundle server, and what its answer means (OPA's bundle API). */
import { type Server, ServerError } from '../client/index.ts'

export interface Question {
  readonly resource: string
  /** What is held already; `null`: nothing that the server could build on. */
  readonly etag: string | null
  /** Changes to what is held are welcome as well. */
  readonly deltas: boolean
  /** How long the server may wait for something new; 0: not at all. */
  readonly waitMs: number
  readonly maxBytes: number
  /** The server's own timeout, on top of `waitMs`. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface Answer {
  /** `null`: what is held is the newest. */
  readonly bytes: Uint8Array | null
  readonly etag: string | null
  readonly longPolling: boolean
  readonly status: number
}

/** A server that holds requests until there is something new answers with this type. */
const longPollingType = 'application/vnd.openpolicyagent.bundles'

/** Throws `ServerError`. */
export async function download(server: Server, question: Question): Promise<Answer> {
  const { resource, etag, deltas, waitMs, maxBytes, timeoutMs, signal } = question
  const reply = await server.request({
    method: 'GET',
    path: resource,
    maxBytes,
    timeoutMs: timeoutMs + waitMs,
    signal,
    headers: {
      prefer: `modes=snapshot${deltas ? ',delta' : ''}${waitMs > 0 ? `;wait=${Math.ceil(waitMs / 1000)}` : ''}`,
      ...(etag !== null && { 'if-none-match': etag }),
    },
  })
  const { status, headers, body } = reply
  const longPolling = firstOf(headers['content-type'])?.split(';')[0]?.trim() === longPollingType
  const refused = (problem: string) => new ServerError(server.urlOf(resource), problem, { status })
  if (status === 304) {
    if (etag === null) throw refused('answers 304, though nothing is held here; it must answer with the bundle')
    return { bytes: null, etag, longPolling, status }
  }
  if (status !== 200) throw refused(`answers ${status}${hints[status] ?? ''}`)
  if (body.length === 0) throw refused('answers 200 with an empty body; expected a bundle')
  return { bytes: body, etag: firstOf(headers['etag']) ?? null, longPolling, status }
}

const hints: Readonly<Record<number, string>> = {
  401: '; check the token or the client certificate',
  403: '; check what the token or the client certificate may read',
  404: '; there is no such bundle, check "resource"',
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
