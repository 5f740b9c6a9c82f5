/** Connections of one integration to one origin: undici's, and Node's for streamed bodies, which tolerate an unexpected 100 Continue. */
import type { ClientRequestArgs } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { buildConnector, Dispatcher } from 'undici'
import type { Connection, Progress } from '../../core/index.ts'
import { connectionOf, type Dialer, keepAliveMs, type Target } from '../../egress/index.ts'
import { Agent } from '../../node-http.ts'
import type { SessionKeeper } from '../../sockets/index.ts'
import { Client, Pool } from '../../sockets/index.ts'
import { freeSocketsOf } from './agent-queue.ts'
import { createHttp2Sessions, type Http2Sessions } from './http2-sessions.ts'
import { createSpareSocket } from './spare-socket.ts'

export interface OriginPoolOptions {
  /** `scheme://authority`. */
  readonly origin: string
  readonly target: Target
  readonly dialer: Dialer
  readonly idleTimeoutMs: number
  readonly connections: number
  readonly keeper: SessionKeeper
}

/** A request that may have to wait for a connection of its own. */
export interface Dispatched extends Dispatcher.DispatchHandler {
  /** A connection is being dialled for it: `abort` ends that. */
  dialling(abort: AbortController): void
  /** The connection that was dialled for it is established. */
  dialled(connection: Connection | null): void
  /** It is sent by this client. */
  through(client: ConnectedClient): void
  /** The connection that was dialled for it broke by this error, which undici may not pass on. */
  broken(error: Error): void
}

/** A client of undici, which has one connection at a time. */
export interface ConnectedClient {
  /** The newest. */
  connection: Connection | null
}

/** What is known of an origin by now. */
export interface OriginVersions {
  /** It has taken HTTP/1.1 by ALPN, or has answered in it. */
  http1: boolean
  /** It has refused HTTP/1.1. */
  http2Only: boolean
}

export interface OriginPool {
  readonly versions: OriginVersions
  /** It takes no more requests. */
  readonly isClosed: boolean
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatched): void
  /** Over a connection that no other request has used or will use. */
  dispatchFresh(request: Dispatcher.DispatchOptions, handler: Dispatched): void
  readonly agent: DialAgent
  /** For requests that are sent in HTTP/2. Of an origin without TLS it is known by its first frame only that it speaks that (RFC 9113 §3.3). */
  readonly http2: Http2Sessions
  /** How many connections wait for their next request. */
  idle(): number
  /** Closes idle connections at once, and the others when their requests have ended. */
  close(): Promise<void>
  destroy(): Promise<void>
}

export function createOriginPool({ origin, target, dialer, idleTimeoutMs, connections, keeper }: OriginPoolOptions): OriginPool {
  const isSecure = origin.startsWith('https:')
  const keptMs = keepAliveMs(idleTimeoutMs)
  const spare = createSpareSocket(keptMs)
  let waiting: Dispatched | null = null

  const versions: OriginVersions = { http1: false, http2Only: false }

  async function dial(signal?: AbortSignal): Promise<Socket> {
    const kept = spare.take()
    if (kept !== null) return kept
    if (!isSecure) return dialer.tcp(target, signal)
    const socket = await dialer.tls(target, signal)
    if ((socket as TLSSocket).alpnProtocol === 'http/1.1') versions.http1 = true
    return socket
  }

  function open(places: number): Pool {
    return new Pool(origin, {
      connections: places,
      pipelining: 1,
      keepAliveTimeout: keptMs,
      // The exchange has its own timeout, which includes the wait for a connection.
      headersTimeout: 0,
      bodyTimeout: idleTimeoutMs,
      // A larger head is an attack.
      maxHeaderSize: 64 * 1024,
      factory: (at, options: object) => new KnownClient(at, options, connect),
    })
  }

  function connect(client: ConnectedClient, done: buildConnector.Callback): void {
    const abort = new AbortController()
    // undici dials within `dispatch`, for the request that it is given.
    const asking = waiting
    waiting = null
    asking?.dialling(abort)
    dial(abort.signal).then(
      (socket) => {
        client.connection = connectionOf(socket)
        asking?.dialled(client.connection)
        socket.once('error', (error) => asking?.broken(error))
        done(null, socket)
        toleratesContinue(socket)
      },
      (error: Error) => done(error, null),
    )
  }

  function dispatchOn(on: Pool, request: Dispatcher.DispatchOptions, handler: Dispatched): void {
    waiting = handler
    try {
      on.dispatch(request, handler)
    } finally {
      waiting = null
    }
  }

  const pool = open(connections)
  const agent = new DialAgent(dial, isSecure, connections, keptMs)
  const dialEither = (signal: AbortSignal) => (isSecure ? dialer.tls(target, signal, ['h2', 'http/1.1']) : dialer.tcp(target, signal))
  const takesHttp2 = (socket: Socket) => !isSecure || (socket as TLSSocket).alpnProtocol === 'h2'
  const http2 = createHttp2Sessions({ origin, dial: dialEither, takesHttp2, connections, keptMs, keeper, onHttp1: spare.keep })
  let isClosed = false
  return {
    versions,
    get isClosed() {
      return isClosed
    },
    dispatch: (request, handler) => dispatchOn(pool, request, handler),
    dispatchFresh(request, handler) {
      const once = open(1)
      dispatchOn(once, request, handler)
      once.close().catch(() => {})
    },
    agent,
    http2,
    idle: () => pool.stats.free + agent.idle() + spare.idle() + http2.idle(),
    close() {
      isClosed = true
      spare.close()
      http2.close()
      agent.retire()
      return pool.close()
    },
    destroy() {
      isClosed = true
      spare.close()
      http2.destroy()
      agent.destroy()
      return pool.destroy()
    },
  }
}

type Connect = (client: ConnectedClient, done: buildConnector.Callback) => void

/** Tells each request which client it is sent by: undici does not say over which connection. */
class KnownClient extends Client implements ConnectedClient {
  connection: Connection | null = null

  constructor(origin: URL, options: object, connect: Connect) {
    super(origin, { ...options, connect: (_options, done) => connect(this, done) })
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatched): boolean {
    handler.through(this)
    return super.dispatch(request, handler)
  }
}

/** What a request passes to the agent besides Node's own options. */
export interface DialOptions {
  /** Ends the dial that is under way for it. */
  readonly dialSignal?: AbortSignal
  readonly progress?: Progress
}

export class DialAgent extends Agent {
  readonly #dial: (signal?: AbortSignal) => Promise<Duplex>
  /** Node compares it with the request's scheme; its types leave it out. */
  readonly protocol: string

  constructor(dial: (signal?: AbortSignal) => Promise<Duplex>, isSecure: boolean, connections: number, keptMs: number) {
    super({ keepAlive: true, timeout: keptMs, maxSockets: connections, maxFreeSockets: connections })
    this.#dial = dial
    this.protocol = isSecure ? 'https:' : 'http:'
  }

  idle(): number {
    return freeSocketsOf(this).length
  }

  /** Closes idle connections at once, and used ones after their request: `destroy` would cut these. */
  retire(): void {
    this.maxFreeSockets = 0
    for (const socket of freeSocketsOf(this)) socket.destroy()
  }

  override createConnection(options: ClientRequestArgs & DialOptions, done?: (error: Error | null, socket: Duplex) => void): undefined {
    const { dialSignal, progress } = options
    progress?.dialling()
    this.#dial(dialSignal).then(
      (socket) => {
        progress?.dialled(connectionOf(socket))
        done?.(null, socket)
      },
      (error: Error) => done?.(error, undefined as never),
    )
  }
}

interface Parser {
  onHeadersComplete: (status: number, upgrade: boolean, keepsAlive: boolean) => number
}

/** Call it once undici has taken the socket. `false` if its parser was not found, as in another version of undici, which then keeps its behaviour. */
export function toleratesContinue(socket: Socket): boolean {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  const parser = key === undefined ? null : (socket as unknown as Record<symbol, Parser | null>)[key]
  if (parser == null || typeof parser.onHeadersComplete !== 'function') return false
  const heard = parser.onHeadersComplete
  parser.onHeadersComplete = function (this: Parser, status, upgrade, keepsAlive) {
    return heard.call(this, status === 100 ? 103 : status, upgrade, keepsAlive)
  }
  return true
}
