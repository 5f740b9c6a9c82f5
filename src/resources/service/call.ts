/** One request to a service, as http-proxy-middleware is given it: objects of the gateway's own, made from what was judged and from nothing else. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { Readable, Writable } from 'node:stream'
import type { Progress, ServiceRequest } from '../../core/index.ts'
import { headersOf } from '../../text/index.ts'

/** What a request that reaches the agent was made for. Where a request has none, nobody judged it, and it goes nowhere. */
export interface Call {
  readonly integration: string
  readonly method: string
  /** Path and query, as they are sent. */
  readonly path: string
  /** It gets a connection that nobody has used before and nobody uses again. */
  readonly isAlone: boolean
  readonly progress: Progress
  /** Hears of the request before it has a connection, and before the library listens to it. */
  follow(outgoing: ClientRequest): void
  /** Called when it is given up; set by the agent, since Node says nothing of that to those who wait for a connection. */
  onGivenUp: (() => void) | null
}

/** A header of no name on the wire: Node hands the agent the options that it made the request from. */
const callKey = Symbol('call')

export function callOf(options: unknown): Call | undefined {
  return (options as { headers?: { [callKey]?: Call } } | null)?.headers?.[callKey]
}

export interface ServiceHead {
  readonly url: URL
  /** Set by the gateway, whatever the caller sent. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

/** What belongs to a connection or says how a body is framed is written anew, whatever the door left (RFC 9110 §7.6.1, §10.1.1). */
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

/** A part of a reply, or a coded one, cannot be searched for the credentials that the service was given. */
const unsearchable: ReadonlySet<string> = new Set(['accept-encoding', 'if-range', 'range'])

/** Name → values, as Node takes them: the judged headers, the gateway's own, and the framing of the judged body. */
export function serviceHeaders({ url, headers: own }: ServiceHead, request: ServiceRequest): Record<string, string | string[]> {
  // CGI and its heirs read `X_Api_Key` as `X-Api-Key`: either spelling is the gateway's to set.
  const taken = new Set(own.map(({ name }) => name.toLowerCase().replaceAll('_', '-')))
  const sent = Object.create(null) as Record<string, string | string[]>
  for (const [name, values] of Object.entries(headersOf(request.headers))) {
    const read = name.replaceAll('_', '-')
    if (rewritten.has(read) || taken.has(read) || (own.length > 0 && unsearchable.has(read))) continue
    sent[name] = values
  }
  for (const { name, value } of own) sent[name.toLowerCase()] = value
  if (own.length > 0) sent['accept-encoding'] = 'identity'
  sent['host'] = url.host
  // The caller's own would make the service drop the headers that it names, the gateway's among them (RFC 9110 §7.6.1).
  sent['connection'] = request.target.websocket ? 'Upgrade' : 'keep-alive'
  if (request.target.websocket) sent['upgrade'] = 'websocket'
  else if (request.body !== null) {
    const bytes = request.body.whole?.byteLength ?? request.body.declaredBytes
    if (bytes === null) sent['transfer-encoding'] = 'chunked'
    else sent['content-length'] = String(bytes)
  }
  return sent
}

/** What the library takes for a request that came in. `content` is counted and capped where it is read. */
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
    // The library reads whether the caller is there, and of which server an upgrade is.
    socket: { writable: true, ...(headers['upgrade'] !== undefined && { server: {} }) },
  }) as unknown as IncomingMessage
}

function endAtOnce(this: Readable): void {
  this.push(null)
}

/** What the library takes for the caller's end of the line. Nothing is written to it: the reply is read where it comes in. */
export function callerEnd(): ServerResponse {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
  stream.on('error', () => {})
  return Object.assign(stream, { headersSent: false, finished: false }) as unknown as ServerResponse
}
