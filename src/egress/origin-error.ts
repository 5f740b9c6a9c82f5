/** Turns failures between the gateway and an origin into refusals that the caller can act on. */
import type { ClientRequest } from 'node:http'
import { Refusal } from '../core/index.ts'
import { meaningOfAlert, refusesHttp1 } from './dial.ts'

/** An origin that sends informational replies and never comes to its reply would keep the gateway busy until the timeout (RFC 9110 §15.2). */
export const maxInformational = 100

export function tooManyInformational(host: string): Refusal {
  return new Refusal('origin-failed', `${host} sent more than ${maxInformational} informational replies`)
}

export function firstByteLate(host: string, firstByteMs: number | undefined): Refusal {
  return new Refusal('origin-first-byte-timeout', `${host} did not begin to answer within ${firstByteMs} ms`)
}

export function stalled(host: string, idleMs: number): Refusal {
  return new Refusal('origin-idle-timeout', `nothing came from ${host} for ${idleMs} ms`)
}

/** Why a stream of HTTP/2 ended without its reply. `flood`: with what the origin has flooded the connection; `code`: of its reset (RFC 9113 §7). */
export function endOfStream(flood: string | null, code: number | undefined): string {
  if (flood !== null) return `sent too many ${flood}`
  return code ? `reset the request with the code ${code} of HTTP/2` : 'closed the connection before its reply was whole'
}

/** Calls `fail` at one informational reply too many. */
export function limitInformational(outgoing: ClientRequest, host: string, fail: (refusal: Refusal) => void): void {
  let count = 0
  outgoing.on('information', () => {
    count += 1
    if (count > maxInformational) fail(tooManyInformational(host))
  })
}

/** A `Refusal` passes as it is; undici's and Node's codes are translated; anything else is `origin-failed`. */
export function explainOriginError(error: Error, host: string): Refusal {
  if (error instanceof Refusal) return error
  if (error.cause instanceof Refusal) return error.cause
  const code = (error as NodeJS.ErrnoException).code ?? ''
  switch (code) {
    case 'UND_ERR_BODY_TIMEOUT':
      return new Refusal('origin-idle-timeout', `nothing came from ${host} for too long`, { cause: error })
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new Refusal('origin-timeout', `${host} did not answer in time`, { cause: error })
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return new Refusal('malformed-request', 'the body is not as long as Content-Length says', { cause: error })
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new Refusal('origin-unreachable', `${host} cannot be reached: ${code}`, { cause: error })
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return new Refusal('client-closed', 'the caller went away', { cause: error })
    default:
      return new Refusal('origin-failed', `${host} ${failureOf(error, code)}`, { cause: error })
  }
}

function failureOf(error: Error, code: string): string {
  switch (code) {
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return `closed the connection before its reply was whole: ${code}`
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return 'answered with a head that is larger than 64 KiB'
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'sent a body that is not as long as its Content-Length says'
    default: {
      const alert = meaningOfAlert(code)
      if (alert !== null) return alert
      // undici's parser errors have no code.
      if (code.startsWith('HPE_') || error.name === 'HTTPParserError') return protocolFailureOf(error)
      return `broke off or broke the protocol${code === '' ? '' : `: ${code}`}`
    }
  }
}

/** Where a failure says that: in the TLS handshake (ALPN), before anything was sent, or by the first frame of HTTP/2 that answered a request. */
export function speaksHttp2Only({ cause }: Refusal): 'handshake' | 'reply' | null {
  if (!(cause instanceof Error)) return null
  if (refusesHttp1((cause as NodeJS.ErrnoException).code ?? '')) return 'handshake'
  return isHttp2(firstBytes(cause)) ? 'reply' : null
}

/** Parser errors of Node and of undici. Their messages are the parser's own texts, never the origin's. */
interface ParseError extends Error {
  readonly reason?: string
  readonly rawPacket?: Buffer
  readonly data?: string
}

function firstBytes({ rawPacket, data }: ParseError): string {
  return rawPacket?.toString('latin1') ?? data ?? ''
}

function protocolFailureOf(error: ParseError): string {
  const { message, reason } = error
  if (isHttp2(firstBytes(error))) {
    return 'speaks HTTP/2 only (it answered with an HTTP/2 frame), and the gateway asks in HTTP/1.1'
  }
  // undici appends the parser's text in brackets to its own.
  const why = reason ?? /\(([^()]*)\)/.exec(message)?.[1] ?? message
  return `answered with what is not HTTP/1.1: ${why}`
}

/** RFC 9113 §3.4: a server begins with SETTINGS, a frame of type 4, without flags, on stream 0. */
function isHttp2(bytes: string): boolean {
  return bytes.length >= 9 && bytes.startsWith('\0\0') && bytes.slice(3, 9) === '\x04\0\0\0\0\0'
}
