/** HTTP/2 from a caller, inside an intercepted tunnel or to the proxy: a session on its connection, whose streams are arrivals of their own. */
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { onEnding, Refusal, tellEnding } from '../core/index.ts'
import { watchOverhead } from '../sockets/index.ts'
import type { ServingOptions } from './arrival-server.ts'
import { type Denial, nextInside } from './denied-tunnel.ts'
import { cancel, Http2Arrival, type StreamSettings } from './http2-arrival.ts'
import { serveStream } from './http2-reply.ts'
import { type ConnectionOwner, malformedArrival } from './malformed.ts'

export interface Http2ConnectionOptions {
  readonly serving: ServingOptions
  readonly settings: StreamSettings
  /** Of the CONNECT; `null` where it was allowed. */
  readonly denial: Denial | null
  readonly owner: ConnectionOwner
  /** For the first stream. */
  readonly headersTimeoutMs: number
  /** At the beginning of each stream. */
  readonly began?: (use: Http2Use) => void
}

/** Closed while no stream is open. */
export interface Http2Use {
  readonly closed: boolean
}

/** Streams that a caller may reset before their reply, and how many more per second: a head costs the gateway more than its reset costs the caller (CVE-2023-44487). */
const maxResets = 100
const resetsPerSecond = 10
/** Of a stream, as Node sets it (RFC 9113 §6.9.2). */
const windowBytes = 64 * 1024
/** How often a connection is looked at. */
const checkMs = 250
/** RFC 9113 §7. */
const enhanceYourCalm = 11

export interface Http2Connection {
  /** GOAWAY: streams that are open end by themselves, and no new ones begin. */
  close(): void
}

export function serveHttp2(socket: Socket, options: Http2ConnectionOptions): Http2Connection {
  const { serving, settings, denial, headersTimeoutMs, began } = options
  // Loaded by the first connection that speaks it.
  const { performServerHandshake } = process.getBuiltinModule('node:http2')
  // Node says so itself only where a tls.Server accepts the connection, and a session waits until it is said.
  ;(socket as { secureConnecting?: boolean }).secureConnecting = false
  const session = performServerHandshake(socket, {
    maxSendHeaderBlockLength: 128 * 1024,
    // MiB. Node refuses streams beyond it, and they would not be recorded: all that may be open hold less.
    maxSessionMemory: Math.max(64, Math.ceil(0.64 * serving.maxStreams)),
    // An origin may repeat a field that should be there once; the caller sees it as it came.
    strictSingleValueFields: false,
    // Streams with more are reset before they are arrivals; those between `http.maxHeader` and this are refused and recorded.
    maxHeaderListPairs: 4096,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    settings: {
      enablePush: false,
      maxConcurrentStreams: serving.maxStreams,
      maxHeaderListSize: 4 * settings.maxHeaderBytes,
      enableConnectProtocol: true,
    },
  })
  const kept = serving.sessionKeeper.keep(session)
  const open = new Set<Http2Arrival>()
  const use: Http2Use = {
    get closed() {
      return open.size === 0
    },
  }
  /** A bucket that empties with time. */
  let resets = 0
  let resetAt = 0
  /** Callers' streams have odd numbers (§5.1.1). */
  let lastId = -1
  let isOver = false
  const first = setTimeout(() => session.destroy(), headersTimeoutMs)
  const overhead = watchOverhead(session, socket, { windowBytes, mayLeaveRest: ({ endAfterHeaders }) => !endAfterHeaders })
  let usedAt = performance.now()
  // A timer of Node's would be put off by pings.
  const checks = setInterval(() => {
    // Node waits for the last write of a session that was destroyed, and may never hear that it has ended.
    if (session.destroyed) {
      clearInterval(checks)
      socket.destroy()
      return
    }
    lookBack()
    const flood = overhead.check()
    if (flood !== null) endFlood(`too many ${flood}`)
    if (open.size > 0) usedAt = performance.now()
    else if (performance.now() - usedAt >= serving.idleTimeoutMs) session.destroy()
    for (const arrival of open) {
      if (!arrival.hasStalled(serving.idleTimeoutMs)) continue
      // One that was reset, and is open still, waits for a connection that takes nothing more.
      if (arrival.stream.closed) session.destroy()
      else arrival.stream.close(cancel)
    }
  }, checkMs)

  const end = (refusal: Refusal, code?: number) => {
    if (isOver) return
    isOver = true
    recordFailure(options, refusal)
    // Of an error that is not given, Node takes the code of no error.
    session.destroy(null as never, code)
  }
  const endFlood = (what: string) => end(new Refusal('http2-flood', what), enhanceYourCalm)

  /** nghttp2 resets streams whose heads are not valid HTTP/2 (§8.1.1) without a word, and their numbers are left out. */
  const recordUnseen = (count: number) => {
    if (count <= 0) return
    kept.suspect()
    overhead.unseen(count)
    const what = `${count} ${count === 1 ? 'stream' : 'streams'} without a valid head of HTTP/2`
    recordFailure(options, new Refusal('malformed-request', what))
  }
  const upTo = (id: number) => {
    const count = Math.floor((id - lastId) / 2)
    lastId = Math.max(lastId, id)
    return count
  }
  session.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw: string[]) => {
    clearTimeout(first)
    recordUnseen(upTo(stream.id ?? lastId) - 1)
    const next = nextInside({ id: settings.parent ?? '', denial }, serving)
    const arrival = new Http2Arrival(next.id, settings, stream, raw)
    open.add(arrival)
    began?.(use)
    overhead.head(raw)
    overhead.watch(stream, () => arrival.touch())
    stream.once('close', () => {
      open.delete(arrival)
      if (stream.rstCode !== 0) kept.suspect()
      // As over HTTP/1.1: what follows comes with a CONNECT of its own.
      if (denial !== null && open.size === 0) session.close()
      if (stream.headersSent) return
      const now = performance.now()
      resets = Math.max(0, resets - ((now - resetAt) * resetsPerSecond) / 1000) + 1
      resetAt = now
      if (resets > maxResets) endFlood(`more than ${maxResets} streams were reset before their replies`)
    })
    serveStream(next.handle, arrival, serving.linger)
  })
  // While the session still knows the last stream.
  const lookBack = () => recordUnseen(upTo(session.state.lastProcStreamID ?? 0))
  session.prependListener('goaway', lookBack)
  socket.prependOnceListener('end', lookBack)
  // A caller that ends its side has left: unlike HTTP/1.1, HTTP/2 has no request that ends so. The connection below stays half open by itself.
  socket.once('end', () => session.destroy())
  socket.prependOnceListener('close', lookBack)
  session.on('error', (error: NodeJS.ErrnoException) => {
    if (!(error.code ?? '').startsWith('ERR_HTTP2')) {
      session.destroy()
      return
    }
    const flood = overhead.explain(error)
    end(
      flood === null
        ? new Refusal('malformed-request', `not valid HTTP/2: ${error.message}`)
        : new Refusal('http2-flood', `too many ${flood}`),
    )
  })
  // WebSockets tell their ends why, and nothing else on the connection outlives the moment.
  onEnding(socket, (why) => {
    const told = new Set([...open].filter(({ stream }) => tellEnding(stream, why)))
    if (told.size === 0) {
      socket.destroy()
      return
    }
    for (const arrival of open) if (!told.has(arrival)) arrival.cut()
    session.close()
  })
  session.once('close', () => {
    clearTimeout(first)
    clearInterval(checks)
    socket.destroy()
  })
  return { close: () => session.close() }
}

/** What ends the connection belongs to no stream: it is an arrival of its own. */
function recordFailure({ serving, owner, settings }: Http2ConnectionOptions, refusal: Refusal): void {
  const { door, peer: remoteAddress, peerPort: remotePort } = settings
  const socket = { remoteAddress, remotePort, destroyed: true, once() {}, off() {}, destroy() {} } as never
  const arrival = malformedArrival({ id: serving.nextId(), door, socket, refusal, owner, asked: null })
  void serving.handle(arrival).then((settling) => settling.settle({ complete: false, status: 499 }))
}
