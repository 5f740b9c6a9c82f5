/** One named service behind http-proxy-middleware: exchanges go out with judged headers and come back as Replies. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { type Meter, Refusal, type Reply, type ServiceRequest } from '../../core/index.ts'
import type { Dialer } from '../egress/dial.ts'
import { headersOf } from '../http/facts.ts'
import { explainOriginError } from '../http/origin-error.ts'
import { DialAgent } from './dial-agent.ts'
import { serviceReply } from './service-reply.ts'
import { createUpgrade } from './upgrade.ts'

export interface ServiceSettings {
  readonly name: string
  readonly url: URL
  /** Set by the gateway, whatever the caller sent. Values are secrets. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly timeoutMs: number
  readonly addresses: readonly string[]
}

/** What the services door hands over: Node's own request and response. */
export interface ServiceExchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

export interface ServiceProxy {
  /** Resolves with the head of the reply. Throws `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed. */
  forward(request: ServiceRequest, exchange: ServiceExchange, bounds: ServiceBounds): Promise<Reply>
  /** Performs the upgrade on the caller's socket; ends as `Upgrade.ended`. */
  upgrade(request: ServiceRequest, exchange: ServiceExchange, socket: Duplex, head: Buffer, meter: Meter, timeoutMs?: number): Promise<void>
}

export interface ServiceBounds {
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
  /** Until the head of the reply; the service's own where absent. */
  readonly timeoutMs: number | undefined
}

interface Pending {
  readonly request: ServiceRequest
  readonly maxReplyBytes: number
  settle(reply: Reply): void
  fail(error: Error): void
  follow(proxyReq: ClientRequest): void
}

const framingHeaders: ReadonlySet<string> = new Set(['transfer-encoding', 'content-length', 'connection'])
const upgradeHeaders: ReadonlySet<string> = new Set(['connection', 'upgrade'])

export function createServiceProxy(settings: ServiceSettings, dialer: Dialer): ServiceProxy {
  const { url } = settings
  const pending = new WeakMap<IncomingMessage, Pending>()
  // CGI and its heirs read `X_Api_Key` as `X-Api-Key`: either spelling is the gateway's to set.
  const own = new Set(settings.headers.map(({ name }) => name.toLowerCase().replaceAll('_', '-')))
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    allowed: allowedOf(settings),
  }
  const middleware = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: url.origin,
    selfHandleResponse: true,
    agent: new DialAgent(dialer, url.protocol === 'https:', target, { keepAlive: true, maxSockets: 256 }),
    on: {
      proxyReq: (proxyReq, req) => prepare(proxyReq, req, false),
      proxyReqWs: (proxyReq, req) => prepare(proxyReq, req, true),
      proxyRes(proxyRes, req) {
        const exchange = pending.get(req)
        if (exchange === undefined) return void proxyRes.destroy()
        try {
          exchange.settle(serviceReply(proxyRes, exchange.maxReplyBytes))
        } catch (error) {
          exchange.fail(error as Error)
        }
      },
      error: (error, req, resOrSocket) => {
        const exchange = pending.get(req)
        if (exchange !== undefined) exchange.fail(error)
        else (resOrSocket as Socket | ServerResponse).destroy()
      },
    },
  })

  /** Every header that goes out is one that was judged, or the gateway's own. */
  function prepare(proxyReq: ClientRequest, req: IncomingMessage, upgrading: boolean): void {
    const exchange = pending.get(req)
    if (exchange === undefined) {
      proxyReq.destroy()
      return
    }
    exchange.follow(proxyReq)
    // Framing stays Node's; an upgrade has no body.
    const kept = upgrading ? upgradeHeaders : framingHeaders
    for (const name of proxyReq.getHeaderNames()) if (!kept.has(name)) proxyReq.removeHeader(name)
    for (const [name, values] of Object.entries(headersOf(exchange.request.headers)))
      if (!kept.has(name) && !own.has(name.replaceAll('_', '-'))) proxyReq.setHeader(name, values)
    for (const { name, value } of settings.headers) proxyReq.setHeader(name, value)
    // The caller's would make the service drop the headers that it names, the gateway's own among them (RFC 9110 §7.6.1).
    proxyReq.setHeader('connection', upgrading ? 'Upgrade' : proxyReq.hasHeader('transfer-encoding') ? 'close' : 'keep-alive')
    // An encoded body could not be searched for the credentials that were just added.
    if (settings.headers.length > 0) proxyReq.setHeader('accept-encoding', 'identity')
    proxyReq.setHeader('host', url.host)
    // A body that the policy looked at has been read: what was judged is what is sent.
    const { body } = exchange.request
    if (body?.whole == null || upgrading) return
    body.count(body.whole.byteLength)
    proxyReq.end(body.whole)
  }

  return {
    forward(request, { req, res }, { maxRequestBytes, maxReplyBytes, timeoutMs = settings.timeoutMs }) {
      if ((request.body?.whole?.byteLength ?? request.body?.declaredBytes ?? 0) > maxRequestBytes)
        throw new Refusal('payload-too-large', `the body is larger than ${maxRequestBytes} bytes`)
      return new Promise<Reply>((resolve, reject) => {
        const late = () => fail(new Refusal('origin-timeout', `${settings.name} did not answer within ${timeoutMs} ms`))
        const timer = setTimeout(late, timeoutMs)
        const forget = request.hangup.onGone(() => fail(new Refusal('client-closed', 'the caller went away')))
        let proxyReq: ClientRequest | null = null
        function settle(reply: Reply): void {
          clearTimeout(timer)
          resolve(reply)
        }
        function fail(error: Error): void {
          clearTimeout(timer)
          forget()
          proxyReq?.destroy()
          reject(explainOriginError(error, settings.name))
        }
        const follow = (outgoing: ClientRequest) => {
          proxyReq = outgoing
        }
        pending.set(req, { request, maxReplyBytes, settle, fail, follow })
        capBody(req, request, maxRequestBytes, fail)
        req.url = outgoingPath(url, request)
        Promise.resolve(middleware(req, res, (error?: unknown) => fail(error instanceof Error ? error : new Error('not forwarded')))).catch(
          fail,
        )
      })
    },

    upgrade(request, { req }, socket, head, meter, timeoutMs = settings.timeoutMs) {
      const upgrade = createUpgrade({ service: settings.name, requestId: request.id, caller: socket, timeoutMs, meter })
      pending.set(req, { request, maxReplyBytes: 0, settle: () => {}, fail: upgrade.fail, follow: upgrade.follow })
      req.url = outgoingPath(url, request)
      middleware.upgrade(req, socket as Socket, head)
      return upgrade.ended
    },
  }
}

/** The operator wrote the URL: a literal address or localhost in it is meant. A name needs `addresses` to be private. */
function allowedOf({ url, addresses }: ServiceSettings): readonly string[] {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === 'localhost') return ['127.0.0.0/8', '::1/128', ...addresses]
  return isIP(host) === 0 ? addresses : [host, ...addresses]
}

function outgoingPath(url: URL, { target: { path, query } }: ServiceRequest): string {
  const base = url.pathname.replace(/\/$/, '')
  return `${base}${path}${query === '' ? '' : `?${query}`}`
}

function capBody(req: IncomingMessage, { body }: ServiceRequest, maxBytes: number, fail: (error: Error) => void): void {
  if (body === null || body.whole !== null) return
  let bytes = 0
  const push = req.push
  // Counted where the parser hands chunks over: a data listener would start the flow before the middleware pipes.
  req.push = (chunk: Buffer | null, ...rest) => {
    if (chunk !== null) {
      bytes += chunk.byteLength
      body.count(chunk.byteLength)
      if (bytes > maxBytes) fail(new Refusal('payload-too-large', `the body is larger than ${maxBytes} bytes`))
    }
    return push.call(req, chunk, ...rest)
  }
}
