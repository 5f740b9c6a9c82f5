/** One named service behind http-proxy-middleware. The library gets only objects of the gateway, and no security property depends on its events. */
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { isIP, type Socket } from 'node:net'
import {
  type Hangup,
  type Progress,
  Refusal,
  type Reply,
  type Retries,
  type ServiceRequest,
  type Timeouts,
  toRefusal,
} from '../../core/index.ts'
import type { Dialer } from '../../egress/index.ts'
import { type CallersEnd, type UpgradeOptions, WebSocketUpgrade } from '../../websocket/index.ts'
import { createHeadDeadline, type HeadDeadline } from '../deadlines.ts'
import { askedTwice, isIdempotent } from '../http/index.ts'
import { createRetries, holdForRetries } from '../retries.ts'
import { callerEnd, requestOf, serviceHeaders } from './call.ts'
import { ServiceAgent } from './dial-agent.ts'
import { ServiceExchange } from './exchange.ts'
import { LibraryEnd } from './library-end.ts'
import { createReplyAddresses } from './reply-addresses.ts'

export interface ServiceSettings {
  readonly name: string
  readonly url: URL
  /** Set by the gateway, whatever the caller sent. Values are secrets. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  readonly addresses: readonly string[]
}

export interface ServiceProxy {
  /** Resolves with the head of the reply. Throws `Refusal`: origin-*, payload-too-large, reply-too-large, client-closed. */
  forward(request: ServiceRequest, progress: Progress, bounds: ServiceBounds): Promise<Reply>
  /** As `ServiceAgent.giveUpIdle`. */
  giveUpIdle(integration: string): number
  /** Ends as `WebSocketUpgrade.ended`. */
  upgrade(request: ServiceRequest, way: UpgradeWay): Promise<void>
}

export interface UpgradeWay extends Pick<UpgradeOptions, keyof CallersEnd | 'bounds' | 'timeouts'> {
  /** The service's own timeout if absent. */
  readonly timeoutMs: number | undefined
}

export interface ServiceBounds {
  /** The caller's, or that of the time for all of it. */
  readonly hangup: Hangup
  readonly timeouts: Timeouts
  readonly retries: Retries | undefined
  readonly maxRequestBytes: number
  readonly maxReplyBytes: number
  /** Until the head of the reply; the service's own timeout if absent. */
  readonly timeoutMs: number | undefined
}

type Content = AsyncIterable<Uint8Array> | null

/** Most connections of one integration to one service; the same as for origins. */
const connections = 256

export function createServiceProxy(configured: ServiceSettings, dialer: Dialer, idleTimeoutMs: number): ServiceProxy {
  const { url, name: service } = configured
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    calledAs: service,
    port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    allowed: allowedOf(configured),
  }
  const addresses = createReplyAddresses(service, url)
  const withRetries = createRetries()
  // Loaded here: a gateway without services saves 19 MiB and 80 ms.
  const { createProxyMiddleware } = createRequire(import.meta.url)('http-proxy-middleware') as typeof import('http-proxy-middleware')
  const agent = new ServiceAgent(dialer, { secure: url.protocol === 'https:', target, connections, idleTimeoutMs })
  const middleware = createProxyMiddleware({
    target: url.origin,
    selfHandleResponse: true,
    agent,
    // Its own plugins would log, and answer the caller. Errors are handled by the exchange; without a listener they end the process.
    ejectPlugins: true,
    plugins: [(server) => void server.on('error', () => {})],
  })

  function ask(
    request: ServiceRequest,
    progress: Progress,
    { hangup, maxReplyBytes, timeouts }: ServiceBounds,
    head: HeadDeadline,
    content: Content,
    isRepeat: boolean,
  ) {
    const path = outgoingPath(url, request)
    const { idleMs = idleTimeoutMs } = timeouts
    const asked = { service, request, hangup, progress, path, addresses, head, timeouts, maxReplyBytes, isRepeat }
    const exchange = new ServiceExchange({ ...asked, idleTimeoutMs: idleMs })
    const incoming = requestOf(
      exchange,
      serviceHeaders(configured, request, progress.outgoing(request.headers)),
      content === null ? null : exchange.paced(content),
    )
    incoming.on('error', (error) => exchange.fail(error))
    const failed = (error?: unknown) => exchange.fail(error instanceof Error ? error : new Error('not forwarded'))
    middleware(incoming, callerEnd(), failed).catch(failed)
    return exchange
  }

  /** Over a kept connection where there is one; once more over a new one where that turns out to be closed. */
  async function askOverEither(request: ServiceRequest, progress: Progress, bounds: ServiceBounds, head: HeadDeadline): Promise<Reply> {
    const { body } = request
    const content = () => body?.chunks(bounds.maxRequestBytes) ?? null
    const first = ask(request, progress, bounds, head, content(), false)
    try {
      return await first.reply
    } catch (error) {
      if (!first.mayRepeat()) throw error
      progress.retrying({ problem: toRefusal(error).code, status: null, sentBytes: body?.whole?.byteLength ?? 0 })
    }
    try {
      return await ask(request, progress, bounds, head, content(), true).reply
    } catch (error) {
      throw error instanceof Refusal ? askedTwice(error) : error
    }
  }

  return {
    giveUpIdle: (integration) => agent.giveUpIdle(integration),
    async forward(request, progress, bounds) {
      const { body, integration, target } = request
      const { hangup, maxRequestBytes, retries, timeoutMs = configured.timeoutMs } = bounds
      const settings = isIdempotent(target.method) ? retries : undefined
      if (settings === undefined) await body?.arrived()
      else await holdForRetries(body, hangup)
      if ((body?.whole?.byteLength ?? body?.declaredBytes ?? 0) > maxRequestBytes)
        throw new Refusal('payload-too-large', `the body is larger than ${maxRequestBytes} bytes`)
      const head = createHeadDeadline(timeoutMs)
      const attempt = (on: Progress) => askOverEither(request, on, bounds, head)
      if (settings === undefined) return attempt(progress)
      const retried = { settings, owner: integration.name, origin: service, body, head, hangup, progress }
      return withRetries(retried, attempt)
    },

    upgrade(request, way) {
      const path = outgoingPath(url, request)
      const options = { ...way, destination: service, request, path, timeoutMs: way.timeoutMs ?? configured.timeoutMs }
      const upgrade = new WebSocketUpgrade(options, (frames) => new LibraryEnd(frames))
      const incoming: IncomingMessage = requestOf(
        upgrade,
        serviceHeaders(configured, request, way.progress.outgoing(request.headers)),
        null,
      )
      // The library's type is a Socket; it uses a Duplex with a socket's setters.
      middleware.upgrade(incoming, upgrade.end as unknown as Socket, Buffer.alloc(0))
      return upgrade.ended
    },
  }
}

/** The operator wrote the URL, so a literal address or localhost in it is allowed. A name with a private address needs `addresses`. */
function allowedOf({ url, addresses }: ServiceSettings): readonly string[] {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === 'localhost') return ['127.0.0.0/8', '::1/128', ...addresses]
  return isIP(host) === 0 ? addresses : [host, ...addresses]
}

function outgoingPath(url: URL, { target: { path, query } }: ServiceRequest): string {
  const base = url.pathname.replace(/\/$/, '')
  return `${base}${path}${query === '' ? '' : `?${query}`}`
}
