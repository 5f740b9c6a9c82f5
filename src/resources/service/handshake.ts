/** What the gateway itself writes to a caller that asks for a WebSocket: the opening, or a refusal. */
import type { IncomingMessage } from 'node:http'
import { type Refusal, type ServiceRequest, toProblem } from '../../core/index.ts'

/** RFC 6455 §4.2.2, written by the gateway: other headers of the service could echo a credential, and a handshake is not masked. */
export function openingOf({ headers }: IncomingMessage, request: ServiceRequest): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'
  const accept = headers['sec-websocket-accept'] ?? ''
  if (/^[\w+/=]{1,28}$/.test(accept)) head += `sec-websocket-accept: ${accept}\r\n`
  for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions'] as const) {
    const chosen = headers[name]
    // RFC 6455 §4.1: a service chooses among what the caller offered.
    if (chosen !== undefined && namesIn(chosen).every((choice) => offered(request, name).includes(choice))) head += `${name}: ${chosen}\r\n`
  }
  return `${head}sallyport-request-id: ${request.id}\r\n\r\n`
}

function offered({ headers }: ServiceRequest, name: string): readonly string[] {
  return headers.flatMap((value, i) => (i % 2 === 1 && headers[i - 1]?.toLowerCase() === name ? namesIn(value) : []))
}

function namesIn(list: string): readonly string[] {
  return list.split(',').map((item) => item.split(';', 1)[0]?.trim() ?? '')
}

export function answerOf(refusal: Refusal, requestId: string): string {
  const { status, headers, body } = toProblem(refusal, requestId)
  let head = `HTTP/1.1 ${status} ${refusal.code}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  const text = body instanceof Uint8Array ? Buffer.from(body).toString() : ''
  return `${head}sallyport-request-id: ${requestId}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
}
