/** One request to a service as http-proxy-middleware gets it: objects of the gateway, made from the judged request alone. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { Readable, Writable } from 'node:stream'
import type { HeaderList, Progress, ServiceRequest } from '../../core/index.ts'
import type { DialTimeouts } from '../../egress/index.ts'
import { headersOf } from '../../text/index.ts'

/** What a request that reaches the agent was made for. A request without a call was not judged, and is not sent. */
export interface Call {
  readonly integration: string
  readonly method: string
  /** Path and query, as they are sent. */
  readonly path: string
  /** It gets a connection that no other request has used or will use. */
  readonly isAlone: boolean
  readonly progress: Progress
  /** Of a dial that is made for it. */
  readonly timeouts: DialTimeouts
  /** Called with the outgoing request before it has a connection, and before the library listens to it. */
  follow(outgoing: ClientRequest): void
  /** Called when the request is given up. The agent sets it, since Node does not tell an agent about requests that still wait for a connection. */
  onGivenUp: (() => void) | null
}

/** A symbol among the headers, which is never sent: Node passes the agent the options that the request was made from. */
const callKey = Symbol('call')

export function callOf(options: unknown): Call | undefined {
  return (options as { headers?: { [callKey]?: Call } } | null)?.headers?.[callKey]
}

export interface ServiceHead {
  readonly url: URL
  /** Set by the gateway, whatever the caller sent. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

/** Headers of a connection and of a body's framing, which the gateway sets itself, whatever the door left (RFC 9110 §7.6.1, §10.1.1). */
const rewritten: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** A partial or compressed reply cannot be searched for the credentials that the gateway sent to the service. */
const unsearchable: ReadonlySet<string> = new Set(['accept-encoding', 'if-range', 'range'])

/** The headers as Node takes them (name → values): `judged`, those of the request, the gateway's own, and the framing of the judged body. */
export function serviceHeaders(
  { url, headers: own }: ServiceHead,
  request: ServiceRequest,
  judged: HeaderList,
): Record<string, string | string[]> {
  // CGI and what came after it read `X_Api_Key` as `X-Api-Key`: only the gateway may send either spelling.
  const taken = new Set(own.map(({ name }) => name.toLowerCase().replaceAll('_', '-')))
  const sent = Object.create(null) as Record<string, string | string[]>
  for (const [name, values] of Object.entries(headersOf(judged))) {
    const read = name.replaceAll('_', '-')
    if (rewritten.has(read) || taken.has(read) || (own.length > 0 && unsearchable.has(read))) continue
    sent[name] = values
  }
  for (const { name, value } of own) sent[name.toLowerCase()] = value
  if (own.length > 0) sent['accept-encoding'] = 'identity'
  sent['host'] = url.host
  // A Connection header of the caller could make the service drop headers of the gateway (RFC 9110 §7.6.1).
  sent['connection'] = request.target.websocket ? 'Upgrade' : 'keep-alive'
  if (request.target.websocket) sent['upgrade'] = 'websocket'
  else if (request.body !== null) {
    const bytes = request.body.whole?.byteLength ?? request.body.declaredBytes
    if (bytes === null) sent['transfer-encoding'] = 'chunked'
    else sent['content-length'] = String(bytes)
  }
  return sent
}

/** Stands in for the caller's request towards the library. `content` is counted and capped where it is read. */
export function requestOf(
  call: Call,
  headers: Record<string, string | string[]>,
  content: AsyncIterable<Uint8Array> | null,
): IncomingMessage {
  const stream = content === null ? new Readable({ read: endAtOnce }) : Readable.from(content, { objectMode: false })
  return Object.assign(stream, {
    method: call.method,
    url: call.path,
    headers: { ...headers, [callKey]: call },
    rawHeaders: [],
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    // The library reads whether the caller is still there, and the server of an upgrade.
    socket: { writable: true, ...(headers['upgrade'] !== undefined && { server: {} }) },
  }) as unknown as IncomingMessage
}

function endAtOnce(this: Readable): void {
  this.push(null)
}

/** Stands in for the response to the caller towards the library. Nothing is written to it: the exchange reads the reply itself. */
export function callerEnd(): ServerResponse {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
  stream.on('error', () => {})
  return Object.assign(stream, { headersSent: false, finished: false }) as unknown as ServerResponse
}
