/** Refuses heads that need something the gateway does not support, at any door: a version, a transfer coding, an expectation or an upgrade. */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../core/index.ts'
import { connectionNames } from '../text/index.ts'
import { soleHeader } from './headers.ts'

/** Node's parser takes HTTP/0.9 and HTTP/2.0 in a request line for versions that it speaks (RFC 9110 §15.6.6). */
export function requireSupported({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): void {
  if (httpVersionMajor !== 1 || httpVersionMinor > 1) throw versionUnsupported()
  const coding = soleHeader(rawHeaders, 'transfer-encoding')
  if (coding === null) return
  // A coding that is not decoded here would be forwarded as if it were the content (RFC 9112 §6.1).
  if (coding.toLowerCase() !== 'chunked') throw new Refusal('malformed-request', 'the only transfer coding understood is chunked')
  if (httpVersionMinor === 0) throw new Refusal('malformed-request', 'HTTP/1.0 knows no Transfer-Encoding')
}

export function versionUnsupported(): Refusal {
  return new Refusal('version-unsupported', 'the versions understood here are HTTP/1.1 and HTTP/1.0', { headers: ['connection', 'close'] })
}

/** Whether the caller may be waiting for a 100. Throws as `asksForContinue`. HTTP/1.0 has neither expectations nor informational replies. */
export function expectsContinue({ headers: { expect }, httpVersion }: IncomingMessage): boolean {
  return expect !== undefined && httpVersion === '1.1' && asksForContinue(expect)
}

/**
 * `expect`: the value of the header, empty where it is absent. Throws `Refusal('expectation-failed')` if anything else than a 100 is expected
 * (RFC 9110 §10.1.1): Node takes any list that contains 100-continue for that alone. An empty list is not an expectation.
 */
export function asksForContinue(expect: string): boolean {
  const expected = connectionNames(expect).filter((name) => name !== '')
  if (expected.some((name) => name !== '100-continue'))
    throw new Refusal('expectation-failed', 'the only expectation understood is 100-continue')
  return expected.length > 0
}

/** Protocols that a caller offers beside its request, and does without where they are ignored (RFC 9113 §3.1 of old, RFC 2817 §3.1). */
const optional = /^(?:h2c|tls\/\d\.\d)$/

/** Throws `Refusal('upgrade-unsupported')`: a caller that needs another protocol must hear that there is none (RFC 9110 §7.8 would let it be ignored). */
export function requireKnownUpgrade(req: IncomingMessage): void {
  const { upgrade, connection = '' } = req.headers
  if (upgrade === undefined || req.httpVersion !== '1.1' || !connectionNames(connection).includes('upgrade')) return
  const wanted = connectionNames(upgrade).filter((name) => name !== '' && !optional.test(name))
  if (wanted.length === 0 || wantsWebSocket(req)) return
  const why = wanted.includes('websocket') ? 'a WebSocket is asked for by a GET' : 'the only upgrade carried here is to a WebSocket'
  throw new Refusal('upgrade-unsupported', why)
}

/** Where nothing speaks it. */
export function requireNoWebSocket(req: IncomingMessage): void {
  if (wantsWebSocket(req))
    throw new Refusal('upgrade-unsupported', 'there is no WebSocket here: one is reached through the proxy or as a service')
}

/** RFC 6455 §4.1; HTTP/1.0 has no upgrades. */
export function wantsWebSocket({ method, httpVersion, headers }: IncomingMessage): boolean {
  return (
    headers.upgrade !== undefined &&
    method === 'GET' &&
    httpVersion === '1.1' &&
    connectionNames(headers.connection ?? '').includes('upgrade') &&
    connectionNames(headers.upgrade).includes('websocket')
  )
}
