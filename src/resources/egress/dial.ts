/** Connects to a judged address: the name is resolved once, and what was judged is what is dialled. */
import { isIP, type LookupFunction, type Socket, connect as tcpConnect } from 'node:net'
import { type ConnectionOptions, type SecureContext, connect as tlsConnect } from 'node:tls'
import { Refusal } from '../../core/index.ts'
import type { AddressRule } from './addresses.ts'
import { type ResolveName, resolveJudged, type Target } from './resolve.ts'

export interface DialerOptions {
  readonly resolve: ResolveName
  readonly rule: AddressRule
  readonly connectTimeoutMs: number
  /** Trust for origins' certificates. */
  readonly secureContext: SecureContext
}

export interface Dialer {
  /** A connected TCP socket. Throws `Refusal`: address-denied, origin-unreachable, origin-timeout. */
  tcp(target: Target, signal?: AbortSignal): Promise<Socket>
  /** A TLS connection whose certificate is valid for `target.host`. Throws as `tcp`, and `origin-tls-failed`. */
  tls(target: Target, signal?: AbortSignal): Promise<Socket>
}

export function createDialer({ resolve, rule, connectTimeoutMs, secureContext }: DialerOptions): Dialer {
  async function dial(target: Target, open: (lookup: LookupFunction) => Socket, ready: string): Promise<Socket> {
    const addresses = await resolveJudged(resolve, rule, target)
    // Happy Eyeballs (RFC 8305) asks for all; each of them was judged.
    const lookup: LookupFunction = (_name, options, done) => {
      const first = addresses[0]
      if (options.all === true) done(null, [...addresses])
      else if (first !== undefined) done(null, first.address, first.family)
    }
    return new Promise((resolveSocket, reject) => {
      const socket = open(lookup)
      const timer = setTimeout(
        () => socket.destroy(new Refusal('origin-timeout', `no connection to ${target.host} within ${connectTimeoutMs} ms`)),
        connectTimeoutMs,
      )
      socket.once(ready, () => {
        clearTimeout(timer)
        // An origin may reset while the record is on its way to disk, before anybody else listens: no listener would end the process.
        socket.on('error', known)
        socket.off('error', fail)
        resolveSocket(socket)
      })
      function fail(error: NodeJS.ErrnoException): void {
        clearTimeout(timer)
        reject(explainConnectError(error, target.host))
      }
      socket.once('error', fail)
    })
  }
  return {
    tcp: (target) =>
      dial(target, (lookup) => tcpConnect({ host: target.host, port: target.port, lookup, noDelay: true, keepAlive: true }), 'connect'),
    tls: (target) =>
      dial(
        target,
        (lookup) => {
          const options: ConnectionOptions = { host: target.host, port: target.port, lookup, secureContext, ALPNProtocols: ['http/1.1'] }
          // RFC 6066 §3: no literal address in SNI.
          return tlsConnect(isIP(target.host) === 0 ? { ...options, servername: target.host } : options).setNoDelay(true)
        },
        'secureConnect',
      ),
  }
}

/** Whoever uses the socket learns of its end by an own listener, or finds it destroyed. */
function known(): void {}

function explainConnectError(error: NodeJS.ErrnoException, host: string): Refusal {
  if (error instanceof Refusal) return error
  const code = error.code ?? ''
  if (
    code.startsWith('ERR_TLS') ||
    code.startsWith('ERR_SSL') ||
    code.includes('CERT') ||
    code.includes('SIGNATURE') ||
    code.includes('ISSUER') ||
    code === 'EPROTO'
  ) {
    return new Refusal('origin-tls-failed', `the TLS of ${host} cannot be trusted: ${code}`, { cause: error })
  }
  if (code === 'ETIMEDOUT') return new Refusal('origin-timeout', `no connection to ${host} in time`, { cause: error })
  return new Refusal('origin-unreachable', `${host} cannot be reached: ${code || 'connection failed'}`, { cause: error })
}
