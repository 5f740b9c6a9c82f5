/** Connects to a judged address: the name is resolved once, and what was judged is what is dialled. */

import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { type Connection, Refusal } from '../core/index.ts'
import { trustedRoots } from '../sockets/index.ts'
import type { AddressRule } from './addresses.ts'
import { ConnectError, connectFirst } from './connect-first.ts'
import { remember } from './connection.ts'
import { type Stop, withDeadline, withinPart } from './deadline.ts'
import { type DialPlaces, unlimitedPlaces } from './dial-places.ts'
import { type ResolveName, resolveJudged, type Target } from './resolve.ts'

export interface DialerOptions {
  readonly resolve: ResolveName
  readonly rule: AddressRule
  /** Over all of it: the name's resolution, the connection, and the TLS handshake. */
  readonly connectTimeoutMs: number
  /** `false`: what descriptors are left are for the gateway itself. */
  readonly mayDial?: () => boolean
  /** What an integration may have of the connections. */
  readonly places?: DialPlaces
  /** Trust for origins' certificates. */
  readonly secureContext: () => SecureContext
}

/** Both stop at their signal and at the deadline, in every state. */
export interface Dialer {
  /** A connected TCP socket. Throws `Refusal`: address-denied, origin-unreachable, origin-timeout, client-closed, connections-exceeded. */
  tcp(target: Target, stop?: Stop): Promise<Socket>
  /** A TLS connection whose certificate is valid for `target.host`; `protocols`, by ALPN, instead of HTTP/1.1 alone. Throws as `tcp`, and `origin-tls-failed`. */
  tls(target: Target, stop?: Stop, protocols?: readonly string[]): Promise<Socket>
}

export function createDialer(options: DialerOptions): Dialer {
  const { resolve, rule, connectTimeoutMs, mayDial = () => true, places = unlimitedPlaces, secureContext } = options
  function dial(target: Target, stop: Stop | undefined, protocols: readonly string[] | null): Promise<Socket> {
    const timeoutMs = Math.min(connectTimeoutMs, target.timeoutMs ?? connectTimeoutMs)
    return withDeadline(timeoutMs, `no connection to ${target.calledAs ?? target.host}`, stop, async (signal) => {
      // A lookup takes a descriptor as well.
      if (!mayDial()) throw scarce(target, fewDescriptors)
      if (!(await places.enter(target.owner, signal))) throw shareTaken(target)
      let isGiven = false
      const give = () => {
        if (!isGiven) places.give(target.owner)
        isGiven = true
      }
      try {
        const socket = await open(target, signal, protocols)
        socket.once('close', give)
        if (socket.closed) give()
        return socket
      } catch (error) {
        give()
        throw error
      }
    })
  }
  async function open(target: Target, signal: AbortSignal, protocols: readonly string[] | null): Promise<Socket> {
    const { host, calledAs = host, timeouts: { connectMs, tlsMs } = {} } = target
    const connecting = { timeoutMs: connectMs, what: `no connection to ${calledAs}`, code: 'origin-connect-timeout' } as const
    // Made first: where it fails, no connection is left open.
    const offered = protocols && { secureContext: secureContext(), protocols }
    const { socket, connection } = await withinPart(connecting, signal, (until) => connected(target, until))
    if (offered === null) {
      remember(socket, connection)
      return socket
    }
    const shakenAt = performance.now()
    const shaking = { timeoutMs: tlsMs, what: `no TLS with ${calledAs}`, code: 'origin-tls-timeout' } as const
    const secure = await withinPart(shaking, signal, (until) => handshake(socket, host, offered, until)).catch((error) => {
      throw explainConnectError(error as NodeJS.ErrnoException, target)
    })
    remember(secure, { ...connection, certificate: fingerprintOf(secure), tlsMs: performance.now() - shakenAt })
    return secure
  }
  async function connected(target: Target, signal: AbortSignal): Promise<{ readonly socket: Socket; readonly connection: Connection }> {
    const askedAt = performance.now()
    const addresses = await resolveJudged(resolve, rule, target, signal)
    if (!mayDial()) throw scarce(target, fewDescriptors)
    const foundAt = performance.now()
    const dnsMs = isIP(target.host) === 0 ? foundAt - askedAt : null
    try {
      const beside = { take: () => places.take(target.owner), give: () => places.give(target.owner) }
      const socket = await connectFirst(addresses, target.port, signal, beside)
      const { remoteAddress: address = '' } = socket
      return {
        socket,
        connection: { address, port: target.port, certificate: null, dnsMs, tcpMs: performance.now() - foundAt, tlsMs: null },
      }
    } catch (error) {
      throw explainConnectError(error as NodeJS.ErrnoException, target)
    }
  }
  return {
    tcp: (target, stop) => dial(target, stop, null),
    tls: (target, stop, protocols = ['http/1.1']) => dial(target, stop, protocols),
  }
}

interface Handshake {
  readonly secureContext: SecureContext
  readonly protocols: readonly string[]
}

function handshake(socket: Socket, host: string, { secureContext, protocols }: Handshake, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options: ConnectionOptions = { socket, host, secureContext, ALPNProtocols: [...protocols] }
    // RFC 6066 §3: no literal address in SNI.
    const secure = tlsConnect(isIP(host) === 0 ? { ...options, servername: host } : options)
    const stop = () => secure.destroy(signal.reason)
    // This listener stays with the socket: its user hears of its end by a listener of its own, or finds it destroyed.
    secure.on('error', (error) => {
      signal.removeEventListener('abort', stop)
      reject(error)
    })
    secure.once('secureConnect', () => {
      signal.removeEventListener('abort', stop)
      resolve(secure)
    })
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/** Of the certificate that the destination has just shown: no session is resumed. */
function fingerprintOf(secure: TLSSocket): string | null {
  return secure.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null
}

function shareTaken({ host }: Target): Refusal {
  const detail = `no connection to ${host} is left: this integration holds its share of those that the gateway has`
  return Refusal.retryLater('connections-exceeded', detail, 1000)
}

/** Says nothing of the origin. */
function scarce({ host, calledAs = host, port }: Target, why: string): Refusal {
  return new Refusal('connections-exceeded', `the gateway has no connection to ${calledAs} left`, {
    headers: ['retry-after', '1'],
    forOperator: `port ${port}: ${why}`,
  })
}

const fewDescriptors = 'too few descriptors are left: raise RLIMIT_NOFILE, or lower http.maxConnections'
const noPorts = 'this machine has no local port left for that destination: widen net.ipv4.ip_local_port_range'

function explainConnectError(error: NodeJS.ErrnoException, target: Target): Refusal {
  const { host, calledAs = host, port } = target
  if (error instanceof Refusal) return error
  const code = error.code ?? ''
  const alert = meaningOfAlert(code)
  if (alert !== null) return new Refusal('origin-failed', `${calledAs} ${alert}`, { cause: error })
  if (
    code.startsWith('ERR_TLS') ||
    code.startsWith('ERR_SSL') ||
    code.includes('CERT') ||
    code.includes('SIGNATURE') ||
    code.includes('ISSUER') ||
    code === 'EPROTO'
  ) {
    return new Refusal('origin-tls-failed', `the TLS of ${calledAs} cannot be trusted: ${code}`, { cause: error })
  }
  if (code === 'EMFILE' || code === 'ENFILE') return scarce(target, fewDescriptors)
  if (error instanceof ConnectError && error.lacksPorts) return scarce(target, noPorts)
  const forOperator = error instanceof ConnectError ? `port ${port}: ${error.attempts}` : undefined
  const options = forOperator === undefined ? { cause: error } : { cause: error, forOperator }
  if (code === 'ETIMEDOUT') return new Refusal('origin-timeout', `no connection to ${calledAs} in time`, options)
  return new Refusal('origin-unreachable', `${calledAs} cannot be reached: ${code || 'connection failed'}`, options)
}

/**
 * Trust for destinations: the roots of this machine, and the CAs of `caFile`. Throws where the file cannot be read, or holds what
 * is not a certificate. What holds the roots (4 MiB, 25 ms) is made when the first connection needs it.
 */
export function originTrust(caFile: string | null): () => SecureContext {
  const own = caFile === null ? [] : [readFileSync(caFile, 'utf8')]
  if (own.length > 0) createSecureContext({ ca: own })
  let trust: SecureContext | null = null
  return () => (trust ??= createSecureContext({ ca: [...trustedRoots(), ...own], minVersion: 'TLSv1.2' }))
}

const askedForCertificate = 'asks for a client certificate, and the gateway has none to show'

/** By the alert's name, behind which OpenSSL's versions agree. An alert about a certificate can only be about the client's, and the gateway has no client certificate. */
const meanings: Readonly<Record<string, string>> = {
  NO_APPLICATION_PROTOCOL: 'speaks HTTP/2 only (it refuses HTTP/1.1 by ALPN), and the gateway asks in HTTP/1.1',
  CERTIFICATE_REQUIRED: askedForCertificate,
  BAD_CERTIFICATE: askedForCertificate,
  // TLS 1.2 uses the same alert for both.
  HANDSHAKE_FAILURE: 'refused the TLS handshake: it asks for a client certificate, or shares no cipher with the gateway',
  PROTOCOL_VERSION: 'refused the TLS handshake: it speaks no version of TLS that the gateway does',
}

/** `code` as Node names what was received. Goes behind the origin's name; `null` where there is nothing more to say than the code. */
export function meaningOfAlert(code: string): string | null {
  return meanings[/^ERR_SSL_.*_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? ''] ?? null
}

/** By ALPN (RFC 7301 §3.2), where HTTP/1.1 was all that it was offered. */
export function refusesHttp1(code: string): boolean {
  return /^ERR_SSL_.*_ALERT_NO_APPLICATION_PROTOCOL$/.test(code)
}
