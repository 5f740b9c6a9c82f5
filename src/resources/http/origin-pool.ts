/** Connections of one integration to one origin: undici's, and Node's for bodies that are streamed. */
import type { ClientRequestArgs } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Progress } from '../../core/index.ts'
import { type Dialer, keepAliveMs, type Target } from '../../egress/index.ts'
import { Agent } from '../../node-http.ts'
import { Pool } from '../../sockets/index.ts'
import { freeSocketsOf } from './agent-queue.ts'
import { toleratesContinue } from './tolerate-continue.ts'

export interface OriginPoolOptions {
  /** `scheme://authority`. */
  readonly origin: string
  readonly target: Target
  readonly dialer: Dialer
  readonly idleTimeoutMs: number
  readonly connections: number
}

/** A request that may have to wait for a connection of its own. */
export interface Dispatched extends Dispatcher.DispatchHandler {
  /** It is dialled for: `abort` ends that. */
  dialling(abort: AbortController): void
  /** What was dialled for it is there. */
  dialled(): void
  /** What was dialled for it broke, by this: undici may say no more than that it did. */
  broken(error: Error): void
}

export interface OriginPool {
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatched): void
  /** Over a connection that nobody has used before and nobody uses again. */
  dispatchFresh(request: Dispatcher.DispatchOptions, handler: Dispatched): void
  readonly agent: DialAgent
  /** Connections that wait for their next request. */
  idle(): number
  /** What is idle at once, the rest once all that was begun has ended. */
  close(): Promise<void>
  destroy(): Promise<void>
}

export function createOriginPool({ origin, target, dialer, idleTimeoutMs, connections }: OriginPoolOptions): OriginPool {
  const isSecure = origin.startsWith('https:')
  const keptMs = keepAliveMs(idleTimeoutMs)
  let waiting: Dispatched | null = null

  function dial(signal?: AbortSignal): Promise<Socket> {
    return isSecure ? dialer.tls(target, signal) : dialer.tcp(target, signal)
  }

  function open(places: number): Pool {
    return new Pool(origin, {
      connections: places,
      pipelining: 1,
      keepAliveTimeout: keptMs,
      // The exchange has its own, which counts from before there is a connection.
      headersTimeout: 0,
      bodyTimeout: idleTimeoutMs,
      // What the origin may send before its body; larger heads are an attack.
      maxHeaderSize: 64 * 1024,
      connect: (_options, done) => {
        const abort = new AbortController()
        // undici dials within `dispatch`, for the request that it was given.
        const asking = waiting
        waiting = null
        asking?.dialling(abort)
        dial(abort.signal).then(
          (socket) => {
            asking?.dialled()
            socket.once('error', (error) => asking?.broken(error))
            done(null, socket)
            toleratesContinue(socket)
          },
          (error: Error) => done(error, null),
        )
      },
    })
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
  return {
    dispatch: (request, handler) => dispatchOn(pool, request, handler),
    dispatchFresh(request, handler) {
      const once = open(1)
      dispatchOn(once, request, handler)
      once.close().catch(() => {})
    },
    agent,
    idle: () => pool.stats.free + agent.idle(),
    close() {
      agent.retire()
      return pool.close()
    },
    destroy() {
      agent.destroy()
      return pool.destroy()
    },
  }
}

/** What a request beside Node's own options says to the agent. */
export interface DialOptions {
  /** Ends the dialling that is done for it. */
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

  /** What is idle is closed, and what is in use once it has been used: `destroy` would end that at once. */
  retire(): void {
    this.maxFreeSockets = 0
    for (const socket of freeSocketsOf(this)) socket.destroy()
  }

  override createConnection(options: ClientRequestArgs & DialOptions, done?: (error: Error | null, socket: Duplex) => void): undefined {
    const { dialSignal, progress } = options
    progress?.dialling()
    this.#dial(dialSignal).then(
      (socket) => {
        progress?.dialled()
        done?.(null, socket)
      },
      (error: Error) => done?.(error, undefined as never),
    )
  }
}
