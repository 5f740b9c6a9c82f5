/** The resource kind `http`: a request to an origin on the network. */
import { judgedQueryOf, pathForms, segmentsOf } from '../../canonical/index.ts'
import {
  type Answer,
  Claim,
  type Hangup,
  type HttpRequest,
  type JsonObject,
  type Needs,
  type Permit,
  type Progress,
  Refusal,
  type Reply,
  type RequestBody,
  type Resource,
  type Retries,
  shareOf,
  type Takeover,
  type Timeouts,
} from '../../core/index.ts'
import type { Dialer } from '../../egress/index.ts'
import { headersOf, queryOf } from '../../text/index.ts'
import { boundsOf, openWebSocket, type WebSocketBounds } from '../../websocket/index.ts'
import { capped } from '../byte-caps.ts'
import { createHeadDeadline, type HeadDeadline, withinTotal } from '../deadlines.ts'
import { createRetries, holdForRetries } from '../retries.ts'
import { bodyOf } from './body-facts.ts'
import { askInEither } from './either-version.ts'
import { exchange } from './exchange.ts'
import { askOverHttp2 } from './http2-ask.ts'
import type { Pools } from './pools.ts'
import { isIdempotent } from './repeat.ts'
import { askServer } from './server-wide.ts'
import { chunkedTrailers, upload } from './upload.ts'

export interface HttpResourceOptions {
  readonly pools: Pools
  readonly dialer: Dialer
  /** Until the head of the reply, if no obligation sets another timeout. */
  readonly originTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
  readonly websockets: WebSocketBounds
}

/** Who waits for all attempts, and how long they may take together. */
interface AskedFor {
  readonly hangup: Hangup
  readonly progress: Progress
  readonly timeoutMs: number
}

/** The same for one of them, once the time runs. */
interface AskedOn extends Omit<AskedFor, 'timeoutMs'> {
  readonly head: HeadDeadline
}

export function createHttpResource(options: HttpResourceOptions): Resource<HttpRequest> {
  const { pools, dialer, originTimeoutMs, idleTimeoutMs, maxRequestBytes, maxReplyBytes, websockets } = options
  const withRetries = createRetries()

  function perform(permit: Permit<HttpRequest>, progress: Progress): Promise<Reply> | Reply {
    const { request, decision } = permit
    if (request.isLastHop) return answerAsLastHop(request.target)
    if (request.target.websocket) return upgrade(permit, progress)
    const { timeouts, retries, timeoutMs = originTimeoutMs } = decision.obligations
    return withinTotal(timeouts?.totalMs, request.hangup, (hangup) => {
      if (retries !== undefined && isIdempotent(request.target.method)) return askAgain(retries, permit, { hangup, progress, timeoutMs })
      return ask(permit, { hangup, progress, head: createHeadDeadline(timeoutMs) })
    })
  }

  /** The handshake happens in the takeover: nothing is sent before the record is durable. */
  function upgrade({ request, decision: { obligations } }: Permit<HttpRequest>, progress: Progress): Takeover {
    const { integration, target } = request
    const { addresses: allowed = [], timeouts = {}, timeoutMs = originTimeoutMs } = obligations
    const to = { host: target.host, port: target.port, allowed, owner: shareOf(integration), timeoutMs, timeouts }
    return {
      status: 101,
      headers: [],
      asksLater: true,
      takeover: (caller, head, meter, opening) =>
        openWebSocket({
          ...{ caller, head, opening, meter: capped(meter, obligations), progress, request, timeoutMs, timeouts },
          path: pathOf(target),
          dial: (signal) => (target.scheme === 'https' ? dialer.tls(to, signal) : dialer.tcp(to, signal)),
          bounds: boundsOf(obligations, websockets),
        }),
      discard: () => {},
    }
  }

  async function askAgain(settings: Retries, permit: Permit<HttpRequest>, { hangup, progress, timeoutMs }: AskedFor): Promise<Reply> {
    const { claim, request } = permit
    const { body, integration, target } = request
    await holdForRetries(body, hangup)
    const on = { hangup, progress, head: createHeadDeadline(timeoutMs) }
    const origin = claim.origin ?? originOf(target)
    return withRetries({ settings, owner: shareOf(integration), origin, body, ...on }, (progress) => ask(permit, { ...on, progress }))
  }

  function ask({ request, claim, decision }: Permit<HttpRequest>, { hangup, progress, head }: AskedOn): Promise<Reply> | Reply {
    const { target, body, integration } = request
    const headers = progress.outgoing(request.headers)
    const { obligations } = decision
    const { timeouts = none } = obligations
    const { firstByteMs, idleMs = idleTimeoutMs } = timeouts
    const origin = claim.origin ?? originOf(target)
    const allowed = obligations.addresses ?? []
    if (target.path === '*') {
      const timeoutMs = head.leftMs()
      const to = { host: target.host, port: target.port, allowed, owner: shareOf(integration), timeoutMs, timeouts }
      return askServer({
        ...{ request, hangup, progress, timeoutMs, firstByteMs },
        dial: () => (target.scheme === 'https' ? dialer.tls(to, hangup) : dialer.tcp(to, hangup)),
        maxReplyBytes: obligations.maxReplyBytes ?? maxReplyBytes,
      })
    }
    const common = {
      host: target.host,
      hangup,
      progress,
      head,
      firstByteMs,
      maxReplyBytes: obligations.maxReplyBytes ?? maxReplyBytes,
    }
    const look = () => pools.get(shareOf(integration), origin, target.host, target.port, allowed, timeouts)
    let found = look()
    // During the wait for a body, or for another version of HTTP, it may be closed to make room.
    const pool = () => {
      if (found.isClosed) found = look()
      return found
    }
    const path = pathOf(target)
    const { method } = target
    const ask = (whole: Buffer | null, progress: Progress) =>
      exchange({
        ...common,
        progress,
        pool: pool(),
        request: { path, method, headers: headers as string[], body: whole, bodyTimeout: idleMs },
      })
    const most = obligations.maxRequestBytes ?? maxRequestBytes
    if ((body?.whole?.byteLength ?? body?.declaredBytes ?? 0) > most) throw tooLarge(most)
    const sending = { method, path, headers, idleTimeoutMs: idleMs, maxRequestBytes: most }
    return askInEither({
      body,
      progress,
      // Without TLS an origin cannot be asked which it speaks: all of them speak HTTP/1.1, but for those of gRPC.
      prefersHttp2: request.isHttp2 === true && (target.scheme === 'https' || request.isGrpc === true),
      versions: pool().versions,
      overHttp1: (body, progress) =>
        body === null
          ? ask(null, progress)
          : askWith(
              body,
              most,
              (whole) => ask(whole, progress),
              () => upload({ ...common, ...sending, progress, body, agent: pool().agent }),
            ),
      overHttp2: (body) => askOverHttp2(() => pool().http2, { ...common, ...sending, target, body }),
    })
  }

  return {
    kind: 'http',
    claim(request, needs) {
      const { scheme, host, port, method, path, query, websocket } = request.target
      const subject = query === '' ? { scheme, host, port, method, path } : { scheme, host, port, method, path, query }
      return Claim.of(request, perform, {
        facts: httpFacts(request, needs),
        subject: websocket ? { ...subject, websocket } : subject,
        origin: originOf(request.target),
      })
    },
  }
}

/** No timeout is stated. */
const none: Timeouts = {}

function pathOf({ path, query }: HttpRequest['target']): string {
  return query === '' ? path : `${path}?${query}`
}

function originOf({ scheme, host, port }: HttpRequest['target']): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `input.http`. Only what the policy can look at is computed. */
function httpFacts({ target, headers, body, integration }: HttpRequest, needs: Needs): JsonObject {
  const { scheme, host, port, method, path, query, websocket } = target
  const judged = judgedQueryOf(integration, query)
  if (!needs.headers && !needs.body)
    return { scheme, host, port, method, path, ...pathForms(path), ...judged, ...(websocket && { websocket }) }
  return {
    scheme,
    host,
    port,
    method,
    path,
    ...pathForms(path),
    ...judged,
    ...(websocket && { websocket }),
    ...(needs.headers && { segments: segmentsOf(path), query: queryOf(query), headers: headersOf(headers) }),
    ...(needs.body && body !== null && { body: bodyOf(body, headers) }),
  }
}

/** A body that arrived with its head is sent with its head, and can be sent again; any other, and one with trailers, is streamed. */
async function askWith(
  body: RequestBody,
  maxBytes: number,
  ask: (whole: Buffer) => Promise<Reply>,
  stream: () => Promise<Reply>,
): Promise<Reply> {
  if (!(await body.arrived()) || body.whole === null || chunkedTrailers(body).length > 0) return stream()
  if (body.whole.byteLength > maxBytes) throw tooLarge(maxBytes)
  return body.count(body.whole.byteLength) === null ? ask(body.whole) : stream()
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('payload-too-large', `the body is larger than ${maxBytes} bytes`)
}

export interface LastHop {
  readonly method: string
  readonly path: string
  readonly query: string
}

/** TRACE answers with the request as it would be forwarded, without headers: they may hold credentials (RFC 9110 §9.3.8). */
export function answerAsLastHop({ method, path, query }: LastHop): Answer {
  if (method !== 'TRACE') return { status: 200, headers: ['content-length', '0'], body: null }
  const body = Buffer.from(`TRACE ${path}${query === '' ? '' : `?${query}`} HTTP/1.1\r\nMax-Forwards: 0\r\n\r\n`, 'latin1')
  return { status: 200, headers: ['content-type', 'message/http'], body }
}
