/** What a head may ask of the gateway whatever its door: a version, a framing and an upgrade that it understands. */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../core/index.ts'
import { connectionNames } from '../text/index.ts'
import { soleHeader } from './headers.ts'

/** Node's parser takes HTTP/0.9 and HTTP/2.0 in a request line for versions that it speaks (RFC 9110 §15.6.6). */
export function requireUnderstood({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): void {
  if (httpVersionMajor !== 1 || httpVersionMinor > 1) throw versionUnsupported()
  const coding = soleHeader(rawHeaders, 'transfer-encoding')
  if (coding === null) return
  // What is not decoded here would go on as content that it is not, and be framed anew (RFC 9112 §6.1).
  if (coding.toLowerCase() !== 'chunked') throw new Refusal('malformed-request', 'the only transfer coding understood is chunked')
  if (httpVersionMinor === 0) throw new Refusal('malformed-request', 'HTTP/1.0 knows no Transfer-Encoding')
}

export function versionUnsupported(): Refusal {
  return new Refusal('version-unsupported', 'the versions understood here are HTTP/1.1 and HTTP/1.0', { headers: ['connection', 'close'] })
}

/**
 * Whether the caller may be waiting to be told to go on. Throws `Refusal('expectation-failed')` where it expects anything else
 * (RFC 9110 §10.1.1): Node takes any list with 100-continue in it, at whatever place, for that alone. An empty list is none.
 */
export function expectsContinue({ headers: { expect }, httpVersion }: IncomingMessage): boolean {
  // HTTP/1.0 knows neither expectations nor informational replies.
  if (expect === undefined || httpVersion !== '1.1') return false
  const expected = connectionNames(expect).filter((one) => one !== '')
  if (expected.some((one) => one !== '100-continue'))
    throw new Refusal('expectation-failed', 'the only expectation understood is 100-continue')
  return expected.length > 0
}

/** A GET without its WebSocket is another request than the one that was made. Every other upgrade is ignored (RFC 9110 §7.8). */
export function requireNoWebSocket(req: IncomingMessage): void {
  if (req.headers.upgrade !== undefined && wantsWebSocket(req))
    throw new Refusal('upgrade-unsupported', 'this door carries no WebSocket; one can be reached as a service, or through a tunnel')
}

/** The only upgrade that is carried, by services (RFC 6455 §4.1); HTTP/1.0 knows none. */
export function wantsWebSocket({ method, httpVersion, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    connectionNames(headers.connection ?? '').includes('upgrade') &&
    connectionNames(headers.upgrade ?? '').includes('websocket')
  )
}
