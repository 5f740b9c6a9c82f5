/** The interception door: terminates a tunnel's TLS with a leaf of the gateway's CA, and makes each request inside an arrival of its own. */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import { type Authority, canonicalHost } from '../canonical/index.ts'
import { endConnection, type Hangup, type Identified, onEnding, Refusal, type TunnelRequest } from '../core/index.ts'
import type { Handle } from '../pipeline.ts'
import { createArrivalServer, noConnect, type ServingOptions } from './arrival-server.ts'
import { takesEcdsa } from './client-hello.ts'
import { serve } from './deliver.ts'
import { Denial, type DenyInside, nextInside } from './denied-tunnel.ts'
import { firstChunk, holdOpen, wholeRecord } from './first-bytes.ts'
import { left, leftEarly, leftSilently, refuseHandshake, tooSlow } from './handshake-failure.ts'
import { type DoorSettings, HttpArrival } from './http-arrival.ts'
import { readOriginForm } from './http-request.ts'
import type { StreamSettings } from './http2-arrival.ts'
import { type Http2Connection, serveHttp2 } from './http2-connection.ts'
import { beginsHttp2 } from './http2-preface.ts'
import { createInterceptedConnections } from './intercepted-connections.ts'
import { malformedArrival } from './malformed.ts'
import { createTrustingCallers } from './trusting-callers.ts'
import { createUpgradeDoor } from './upgrades.ts'

export interface InterceptOptions {
  readonly serving: ServingOptions
  /** A server context with a leaf for exactly this host; `rsa`: also with one that a client without ECDSA can check. */
  readonly secureContext: (integration: string, host: string, rsa: boolean, hangup: Hangup) => Promise<SecureContext>
  /** For the first bytes of the tunnel, its TLS handshake, and the head of each request. */
  readonly headersTimeoutMs: number
  /** By ALPN, beside HTTP/1.1 (`http.http2`). */
  readonly offersHttp2: boolean
}

/** Resolves when the caller's connection has closed. */
export type Intercept = (socket: Duplex, head: Buffer, tunnel: TunnelRequest) => Promise<void>

export interface InterceptDoor {
  readonly intercept: Intercept
  readonly denyInside: DenyInside
  /** Ends connections without a pending response; live requests go on. */
  close(): void
}

/** A decrypted connection's settings; a WeakMap keeps them off the socket. */
interface Intercepted {
  readonly settings: DoorSettings
  readonly tunnel: Opened
}

/** What the requests inside have in common. */
interface Opened extends TunnelRequest {
  /** `null`: its CONNECT was allowed. */
  readonly denial: Denial | null
}

export function createInterceptDoor({ serving, secureContext, headersTimeoutMs, offersHttp2 }: InterceptOptions): InterceptDoor {
  const { handle, nextId } = serving
  const intercepted = new WeakMap<Duplex, Intercepted>()
  const sessions = new Set<Http2Connection>()
  const trusting = createTrustingCallers()
  let closing = false
  const connections = createInterceptedConnections(createInnerServer(serving, intercepted), headersTimeoutMs)

  /** By the first byte: 22 begins a TLS handshake (RFC 8446 §5.1), anything else is read as plain HTTP. */
  async function terminate(socket: Duplex, head: Buffer, tunnel: Opened): Promise<void> {
    const first = head.byteLength > 0 ? head : await firstChunk(socket, headersTimeoutMs)
    if (first === null) {
      // It may wait for the other side to speak first, as clients of SSH do, or have ended its own.
      if (tunnel.denial !== null && !socket.destroyed) return tunnel.denial.answerUnread(socket, tunnel.id)
      socket.destroy()
      return
    }
    if (first[0] !== 0x16) {
      const isHttp2 = offersHttp2 && beginsHttp2(first)
      // It need not be HTTP at all.
      if (tunnel.denial !== null && !isHttp2) return tunnel.denial.answerUnread(socket, tunnel.id)
      socket.unshift(first)
      if (!isHttp2) return serveIntercepted(socket as Socket, 'http', tunnel)
      serveStreams(socket as Socket, 'http', tunnel)
      return new Promise((resolve) => socket.once('close', resolve))
    }
    const hello = await wholeRecord(socket, first, headersTimeoutMs)
    if (hello === null) {
      const why = socket.destroyed || socket.readableEnded ? leftEarly : tooSlow
      const recorded = recordHandshakeFailure(handle, nextId(), socket, tunnel, new Error(why))
      socket.destroy()
      return recorded
    }
    const held = holdOpen(socket, hello)
    const context = await secureContext(tunnel.integration.name, tunnel.target.host, !takesEcdsa(hello), held.hangup).catch(
      (error: Error) => error,
    )
    const { gone } = held.hangup
    held.giveBack()
    if (context instanceof Error || gone) {
      const recorded = recordHandshakeFailure(handle, nextId(), socket, tunnel, gone ? new Error(leftEarly) : (context as Error))
      socket.destroy()
      return recorded
    }
    const secure = new TLSSocket(socket as never, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: offersHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      // The name inside must be the one that was judged (SNI against CONNECT, httpjail #58). Of a context that it is given here
      // Node takes one certificate only, and the client may need the other.
      SNICallback: (name, done) => (sameHost(name, tunnel.target.host) ? done(null) : done(refuseName(socket))),
    })
    onEnding(socket, (why) => endConnection(secure, why))
    const timer = setTimeout(() => secure.destroy(new Error(tooSlow)), headersTimeoutMs)
    return new Promise((resolve) => {
      let shaken = false
      let callerLeft = false
      secure.once('secure', () => {
        shaken = true
        clearTimeout(timer)
        trusting.watch(tunnel.integration.name, tunnel.target, secure)
        if (secure.alpnProtocol === 'h2') serveStreams(secure, 'https', tunnel)
        else void serveIntercepted(secure, 'https', tunnel)
      })
      // Node would wait for the rest of a handshake after the caller has left.
      const gone = () => void (shaken || secure.destroy(new Error(left)))
      // Before the server's own listener, which ends the other side.
      secure.once('end', () => {
        callerLeft = !secure.writableEnded
        gone()
      })
      socket.once('end', gone)
      socket.once('close', gone)
      secure.on('error', (error) => {
        if (!shaken) void recordHandshakeFailure(handle, nextId(), socket, tunnel, error)
        callerLeft ||= (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        secure.destroy()
      })
      secure.once('close', () => {
        clearTimeout(timer)
        // GnuTLS, and Node in TLS 1.2, look at the certificate once the handshake is over, and send no alert.
        if (shaken && callerLeft && secure.bytesRead === 0 && !trusting.has(tunnel.integration.name, tunnel.target))
          void recordHandshakeFailure(handle, nextId(), socket, tunnel, new Error(leftSilently))
        socket.destroy()
        resolve()
      })
    })
  }

  function serveIntercepted(connection: Socket, scheme: 'http' | 'https', tunnel: Opened): Promise<void> {
    intercepted.set(connection, { settings: innerSettings(tunnel, scheme), tunnel })
    connections.serve(connection)
    // It was paused while its first byte was read.
    connection.resume()
    return new Promise((resolve) => connection.once('close', () => resolve()))
  }

  function serveStreams(connection: Socket, scheme: 'http' | 'https', tunnel: Opened): void {
    const { denial } = tunnel
    const settings: StreamSettings = {
      door: 'intercept',
      parent: tunnel.id,
      peer: connection.remoteAddress ?? 'local',
      peerPort: connection.remotePort,
      identify: () => requireProven(tunnel.identify()),
      selfUrl: tunnel.selfUrl,
      place: { scheme, judged: tunnel.target },
      maxHeaderBytes: serving.http.maxHeaderSize ?? 16 * 1024,
      ...(denial !== null && { refusal: denial.refusal }),
    }
    const owner = { identify: () => settings.identify(null), parent: tunnel.id }
    const session = serveHttp2(connection, { serving, settings, denial, owner, headersTimeoutMs })
    sessions.add(session)
    connection.once('close', () => sessions.delete(session))
    // A caller that is still to be told that the gateway shuts down is not sent away before.
    if (closing && denial === null) session.close()
  }

  return {
    intercept: (socket, head, tunnel) => terminate(socket, head, { ...tunnel, denial: null }),
    denyInside: (socket, head, tunnel, settling) => terminate(socket, head, { ...tunnel, denial: new Denial(settling) }),
    close() {
      closing = true
      connections.close()
      for (const session of sessions) session.close()
    },
  }
}

function createInnerServer(serving: ServingOptions, intercepted: WeakMap<Duplex, Intercepted>): Server {
  const connectionOf = (req: IncomingMessage): Intercepted => {
    const found = intercepted.get(req.socket)
    if (found === undefined) throw new Error('a connection that no tunnel opened')
    return found
  }
  return createArrivalServer({
    ...serving,
    door: 'intercept',
    route(req, res) {
      const { settings, tunnel } = connectionOf(req)
      const next = nextInside(tunnel, serving)
      // The next request may be allowed, or have another reason: it comes with a CONNECT of its own.
      if (tunnel.denial !== null) res.shouldKeepAlive = false
      serve(next.handle, new HttpArrival(next.id, settings, req, res))
    },
    ownerOf: (socket) => intercepted.get(socket)?.settings ?? null,
    connect: noConnect('there is no CONNECT inside a tunnel'),
    upgrade: () => (req, socket, head) => {
      const { settings, tunnel } = connectionOf(req)
      const { id, handle } = nextInside(tunnel, serving)
      createUpgradeDoor({ handle, nextId: () => id }, () => settings)(req, socket, head)
    },
  })
}

function innerSettings(tunnel: Opened, scheme: 'http' | 'https'): DoorSettings {
  const { denial } = tunnel
  const judged: Authority = tunnel.target
  return {
    door: 'intercept',
    parent: tunnel.id,
    // An open tunnel must not outlive its caller's token.
    identify: () => requireProven(tunnel.identify()),
    selfUrl: () => tunnel.selfUrl,
    read(arrival, identified) {
      if (denial !== null) throw denial.refusal
      return readOriginForm(arrival, identified, scheme, judged)
    },
  }
}

/** A request inside the tunnel cannot prove who calls, so the connection ends. A 407 carries Proxy-Authenticate all the same (RFC 9110 §15.5.8). */
function requireProven(who: Identified | null): Identified {
  if (who !== null) return who
  throw new Refusal('unidentified', 'what the CONNECT carried no longer proves who calls', {
    headers: ['proxy-authenticate', 'Basic realm="sallyport", charset="UTF-8"', 'connection', 'close'],
  })
}

/** RFC 6066 §3: a fatal unrecognized_name alert, written in the clear since nothing is encrypted yet; Node would only close the connection. */
function refuseName(socket: Duplex): Error {
  socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 112]))
  return new Error('SNI differs from the CONNECT authority')
}

function sameHost(name: string, judged: string): boolean {
  try {
    return canonicalHost(name) === judged
  } catch {
    return false
  }
}

/** Recorded under the tunnel's integration, which its caller has proved; `parent` is its CONNECT. */
async function recordHandshakeFailure(handle: Handle, id: string, socket: Duplex, tunnel: TunnelRequest, error: Error): Promise<void> {
  const asked = { method: null, ...tunnel.target, path: null }
  const arrival = malformedArrival({ id, door: 'intercept', socket, refusal: refuseHandshake(error), owner: null, asked })
  const settling = await handle({ ...arrival, parent: tunnel.id, identify: tunnel.identify })
  settling.settle({ complete: false, status: 499 })
}
