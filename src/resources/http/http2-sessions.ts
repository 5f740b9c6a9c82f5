/** Connections of one integration to one origin that speaks HTTP/2: each carries many requests, and is kept a while for the next one. */
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { type Connection, endOf, type Hangup, type Progress, Refusal } from '../../core/index.ts'
import { connectionOf } from '../../egress/index.ts'
import { type Http2Overhead, type KeptPart, type SessionKeeper, watchOverhead } from '../../sockets/index.ts'

export interface OriginSession {
  /** Whether an earlier request has used it: the origin may have closed it meanwhile. */
  readonly isUsed: boolean
  readonly connection: Connection | null
  /** With what the origin has flooded it, so that it was ended; `error`: of one of its streams. */
  floodOf(error: Error | null): string | null
  /** Throws where the origin has closed it, or the head cannot be sent. */
  ask(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream
  /** Instead of `ask`. */
  release(): void
  /** Takes no more requests, and ends with those that are under way. */
  retire(): void
}

export interface Http2Sessions {
  /** A place for one request: `ask` or `release` it. `null`: the origin speaks HTTP/1.1. Throws `Refusal`, as `Dialer.tls`. */
  take(hangup: Hangup, progress: Progress): Promise<OriginSession | null>
  /** How many wait for their next request. */
  idle(): number
  /** Closes idle ones at once, and the others after their requests. */
  close(): void
  destroy(): void
}

export interface Http2SessionsOptions {
  readonly origin: string
  /** Offers both versions by ALPN, where there is TLS. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>
  /** Whether the origin chose HTTP/2. */
  readonly takesHttp2: (socket: Socket) => boolean
  readonly connections: number
  readonly keptMs: number
  readonly keeper: SessionKeeper
  /** Takes over a connection on which the origin chose HTTP/1.1. */
  readonly onHttp1: (socket: Socket) => void
}

/** For so long an origin that chose HTTP/1.1 is not asked again. */
const http1Ms = 10 * 60_000
/** A larger head is an attack. */
const maxHeaderBytes = 64 * 1024
/** For the origin's settings, on a connection that is established. */
const settingsMs = 10_000
/** How often a request waits for a new connection, each of which others may fill before it. */
const maxDials = 8
/** How often a connection is looked at. */
const checkMs = 250
/** What a reply may have on its way before its caller has taken it. */
const windowBytes = 256 * 1024

export function createHttp2Sessions({
  origin,
  dial,
  takesHttp2,
  connections,
  keptMs,
  keeper,
  onHttp1,
}: Http2SessionsOptions): Http2Sessions {
  const open = new Set<KeptSession>()
  let dialling: SharedDial | null = null
  let http1Until = 0
  let isClosed = false

  function begin(): SharedDial {
    const shared = new SharedDial(async (signal) => {
      const socket = await dial(signal)
      const connection = connectionOf(socket)
      if (!takesHttp2(socket)) {
        http1Until = performance.now() + http1Ms
        onHttp1(socket)
        return connection
      }
      const session = new KeptSession(origin, socket, keeper, () => (isClosed ? 0 : keptMs))
      await session.settled(signal)
      open.add(session)
      session.onRetired(() => open.delete(session))
      return connection
    })
    const end = () => {
      dialling = null
    }
    shared.result.then(end, end)
    return shared
  }

  return {
    async take(hangup, progress) {
      for (let dials = 0; performance.now() >= http1Until; dials += 1) {
        const found = [...open].find((session) => session.hasRoom)
        if (found !== undefined) return found.reserve()
        // Those that are full keep further requests until one of theirs has ended.
        if (open.size > 0 && dialling === null && (open.size >= connections || dials >= maxDials)) return leastBusy(open).reserve()
        if (dials >= maxDials) throw new Refusal('origin-failed', `the destination closes each connection before it is used`)
        progress.dialling()
        dialling ??= begin()
        progress.dialled(await dialling.join(hangup))
      }
      return null
    },
    idle: () => [...open].filter(({ streams }) => streams === 0).length,
    close() {
      isClosed = true
      for (const session of [...open]) session.retire()
    },
    destroy() {
      isClosed = true
      dialling?.abort()
      for (const session of [...open]) session.destroy()
    },
  }
}

function leastBusy(open: ReadonlySet<KeptSession>): KeptSession {
  return [...open].reduce((least, one) => (one.streams < least.streams ? one : least))
}

class KeptSession implements OriginSession {
  readonly #session: ClientHttp2Session
  readonly #socket: Socket
  readonly #kept: KeptPart
  readonly #keptMs: () => number
  readonly connection: Connection | null
  #retired: () => void = () => {}
  #idle: NodeJS.Timeout | undefined
  #isRetired = false
  readonly #overhead: Http2Overhead
  isUsed = false
  #flood: string | null = null
  streams = 0

  constructor(origin: string, socket: Socket, keeper: SessionKeeper, keptMs: () => number) {
    // Loaded by the first origin that speaks it.
    const { connect } = process.getBuiltinModule('node:http2')
    this.#keptMs = keptMs
    this.#socket = socket
    this.connection = connectionOf(socket)
    this.#session = connect(origin, {
      createConnection: () => socket,
      maxHeaderListPairs: 2000,
      maxSendHeaderBlockLength: 128 * 1024,
      settings: { enablePush: false, initialWindowSize: windowBytes, maxHeaderListSize: maxHeaderBytes },
    })
    this.#kept = keeper.keep(this.#session)
    this.#overhead = watchOverhead(this.#session, socket, { windowBytes, mayLeaveRest: ({ rstCode }) => rstCode !== 0 })
    const checks = setInterval(() => this.#end(this.#overhead.check()), checkMs).unref()
    this.#session.on('error', () => this.destroy())
    this.#session.once('goaway', () => this.retire())
    this.#session.once('close', () => {
      clearTimeout(this.#idle)
      clearInterval(checks)
      this.#retired()
      socket.destroy()
    })
    this.#rest()
  }

  /** Called once it takes no more requests. */
  onRetired(callback: () => void): void {
    this.#retired = callback
    if (this.#session.closed || this.#session.destroyed) callback()
  }

  /** Resolves with the origin's settings, which say how many streams it takes, and are the first that it sends (RFC 9113 §3.4). */
  settled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => this.destroy()
      const gone = () =>
        reject(signal.aborted ? signal.reason : new Refusal('origin-failed', 'the destination broke off or broke the protocol of HTTP/2'))
      const timer = setTimeout(stop, settingsMs)
      signal.addEventListener('abort', stop, { once: true })
      this.#session.once('remoteSettings', () => resolve())
      this.#session.once('close', gone)
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
      }
      this.#session.once('remoteSettings', end).once('close', end)
    })
  }

  floodOf(error: Error | null): string | null {
    return this.#flood ?? (error === null ? null : this.#overhead.explain(error))
  }

  get hasRoom(): boolean {
    return this.streams < (this.#session.remoteSettings.maxConcurrentStreams ?? 100)
  }

  reserve(): this {
    clearTimeout(this.#idle)
    this.streams += 1
    return this
  }

  release(): void {
    this.streams -= 1
    this.#rest()
  }

  ask(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    try {
      const stream = this.#session.request(headers, { endStream, waitForTrailers: !endStream })
      this.isUsed = true
      const head = (_fields: unknown, _flags: unknown, raw: unknown) => this.#overhead.head(raw as string[])
      stream.on('headers', head).on('response', head).on('trailers', head)
      this.#overhead.watch(stream)
      stream.once('close', () => {
        if (stream.rstCode !== 0) this.#kept.suspect()
        this.release()
      })
      return stream
    } catch (error) {
      this.release()
      throw error
    }
  }

  retire(): void {
    this.#isRetired = true
    this.#retired()
    this.#rest()
  }

  destroy(): void {
    this.#retired()
    this.#session.destroy()
    // Node would wait for an origin that has said GOAWAY, and does not close.
    setImmediate(() => this.#socket.destroy())
  }

  #end(flood: string | null): void {
    if (flood === null) return
    this.#flood = flood
    this.destroy()
  }

  #rest(): void {
    clearTimeout(this.#idle)
    if (this.streams > 0) return
    if (this.#isRetired) this.destroy()
    else this.#idle = setTimeout(() => this.retire(), this.#keptMs())
  }
}

/** A dial that several requests wait for; it ends when all of them have left. */
class SharedDial {
  readonly result: Promise<Connection | null>
  readonly #abort = new AbortController()
  #waiting = 0

  constructor(work: (signal: AbortSignal) => Promise<Connection | null>) {
    this.result = work(this.#abort.signal)
  }

  join(hangup: Hangup): Promise<Connection | null> {
    this.#waiting += 1
    return new Promise((resolve, reject) => {
      const forget = hangup.onGone(() => {
        this.#waiting -= 1
        if (this.#waiting === 0) this.abort()
        reject(endOf(hangup))
      })
      const settled = () => queueMicrotask(() => forget())
      this.result.then(resolve, reject)
      this.result.then(settled, settled)
    })
  }

  abort(): void {
    this.#abort.abort(new Refusal('client-closed', 'nobody waits for this connection any more'))
  }
}
