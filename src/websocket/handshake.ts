/** The destination's answer to the handshake of a WebSocket (RFC 6455 §4.2.2). */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Answer, type HeaderList, Refusal } from '../core/index.ts'
import { STATUS_CODES } from '../node-http.ts'
import { headersOf } from '../text/index.ts'
import type { Deflate } from './inspection.ts'

export interface Agreement {
  /** For the caller: other headers of the destination could echo a credential, and a handshake is not masked. */
  readonly headers: HeaderList
  /** permessage-deflate (RFC 7692), as the caller and as the destination uses it; `null`: it was not agreed on. */
  readonly deflate: { readonly caller: Deflate; readonly destination: Deflate } | null
}

/** RFC 6455 §1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** RFC 7692 §7.1: nothing else is passed on, as it would come from the destination. */
const deflateShape =
  /^permessage-deflate(?:[ \t]*;[ \t]*(?:(?:server|client)_no_context_takeover|(?:server|client)_max_window_bits(?:="?(?:[89]|1[0-5])"?)?))*$/i

/** `asked`: what the destination was sent. A `Refusal` where its answer is not an answer to that (§4.1). */
export function agreementOf({ statusCode, headers }: IncomingMessage, asked: HeaderList, destination: string): Agreement | Refusal {
  const failed = (what: string) => new Refusal('origin-failed', `${destination} ${what}`)
  if (statusCode !== 101 || headers.upgrade?.toLowerCase() !== 'websocket') return failed('switched to another protocol than WebSocket')
  const accept = hash('sha1', `${headersOf(asked)['sec-websocket-key']?.[0] ?? ''}${acceptSuffix}`, 'base64')
  if (headers['sec-websocket-accept']?.trim() !== accept) return failed('answered another handshake: its Sec-WebSocket-Accept is wrong')
  const agreed = ['sec-websocket-accept', accept]
  const protocol = headers['sec-websocket-protocol']
  if (protocol !== undefined) {
    if (!itemsOf(asked, 'sec-websocket-protocol').includes(protocol)) return failed('chose a subprotocol that was not offered')
    agreed.push('sec-websocket-protocol', protocol)
  }
  const extension = headers['sec-websocket-extensions'] ?? ''
  if (extension === '') return { headers: agreed, deflate: null }
  const offered = itemsOf(asked, 'sec-websocket-extensions').some(isDeflateOffer)
  if (!offered || !deflateShape.test(extension)) return failed('chose an extension that was not offered')
  return {
    headers: [...agreed, 'sec-websocket-extensions', extension],
    deflate: { caller: deflateOf(extension, 'client'), destination: deflateOf(extension, 'server') },
  }
}

/** The gateway's refusal, where nothing of such an answer is passed on. */
export function refusedBy({ statusCode = 0 }: IncomingMessage, destination: string): Refusal {
  const why = `${destination} refused the WebSocket: it answered ${statusCode}`
  return new Refusal('origin-failed', why, { originWorks: statusCode < 500 })
}

/** What a caller can act on: how to prove who it is, and when to come again. */
const passedOn = ['www-authenticate', 'retry-after'] as const

/**
 * What the caller is told of an answer that opens no WebSocket: the status of an error and what it can act on, no body and no other
 * header, which are not masked here. `null` for a redirect, which needs more of them, for a 407, which would speak of another proxy,
 * and for a success, which is none.
 */
export function declinedBy({ statusCode = 0, headers }: IncomingMessage): Answer | null {
  if (statusCode < 400 || statusCode > 599 || statusCode === 407) return null
  const kept = passedOn.flatMap((name) => (headers[name] === undefined ? [] : [name, headers[name]]))
  return { status: statusCode, reason: STATUS_CODES[statusCode] ?? '', headers: kept, body: null }
}

function deflateOf(extension: string, end: 'client' | 'server'): Deflate {
  const bits = new RegExp(`${end}_max_window_bits="?(\\d+)`, 'i').exec(extension)?.[1]
  return { windowBits: bits === undefined ? 15 : Number(bits), isReset: extension.toLowerCase().includes(`${end}_no_context_takeover`) }
}

/** Of a list that may be spread over several headers (RFC 9110 §5.6.1). */
export function itemsOf(headers: HeaderList, lowerName: string): readonly string[] {
  return (headersOf(headers)[lowerName] ?? []).flatMap((list) => list.split(',').map((item) => item.trim()))
}

export function isDeflateOffer(offer: string): boolean {
  return /^permessage-deflate(?:[ \t]*;|$)/i.test(offer)
}
