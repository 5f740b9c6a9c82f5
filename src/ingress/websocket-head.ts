/** The head of a request for a WebSocket (RFC 6455 §4.2.1), so that every destination reads the same handshake. */
import { randomBytes } from 'node:crypto'
import { type JudgedBody, Refusal } from '../core/index.ts'
import { withoutHeaders } from '../text/index.ts'
import { isDeflateOffer, itemsOf } from '../websocket/index.ts'
import { soleHeader } from './headers.ts'

const names = ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-extensions', 'sec-websocket-accept'] as const
/** Sixteen bytes in base64. */
const keyShape = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** The headers as they are judged and sent. `isHttp2`: the key is the gateway's own (RFC 8441 §5). Throws `Refusal('malformed-request')`. */
export function websocketHeaders(headers: readonly string[], isHttp2: boolean): string[] {
  if (soleHeader(headers, 'sec-websocket-version') !== '13')
    throw new Refusal('malformed-request', 'the only version of WebSocket understood is 13', { headers: ['sec-websocket-version', '13'] })
  const key = isHttp2 ? randomBytes(16).toString('base64') : (soleHeader(headers, 'sec-websocket-key') ?? '')
  if (!keyShape.test(key)) throw new Refusal('malformed-request', 'Sec-WebSocket-Key is not sixteen bytes in base64')
  // Another extension could change what a frame is.
  const offers = itemsOf(headers, 'sec-websocket-extensions').filter(isDeflateOffer)
  const kept = [...withoutHeaders(headers, names), 'sec-websocket-version', '13', 'sec-websocket-key', key]
  return offers.length === 0 ? kept : [...kept, 'sec-websocket-extensions', offers.join(', ')]
}

/** Bytes after the head belong to the WebSocket: a body there would reach the destination without having been judged. */
export function requireNoBody(body: JudgedBody | string | null): void {
  if (body !== null) throw new Refusal('malformed-request', 'a request for a WebSocket has no body')
}
