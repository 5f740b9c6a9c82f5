/** A refusal as a client of gRPC understands it: a status in place of a reply, with the problem's code in its details. */
import type { Answer } from '../core/index.ts'

/** What begins so carries gRPC (its PROTOCOL-HTTP2.md). */
export function isGrpcType(contentType: string): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(contentType)
}

/** By the HTTP status of the problem: INVALID_ARGUMENT, PERMISSION_DENIED and so on, as google.rpc.Code numbers them. */
const statuses: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  407: 16,
  408: 4,
  413: 8,
  429: 8,
  431: 8,
  500: 13,
  501: 12,
  502: 14,
  503: 14,
  504: 4,
}
const unknown = 2

/** Trailers-Only: a head without a body. `refusal` is a problem document. */
export function grpcAnswer(refusal: Answer): Answer {
  const { code, detail, self } = problemIn(refusal)
  const status = statuses[refusal.status] ?? unknown
  const message = `${code}: ${detail}`
  const kept: string[] = []
  for (let i = 0; i < refusal.headers.length; i += 2) {
    const name = refusal.headers[i] as string
    if (!/^content-/i.test(name)) kept.push(name, refusal.headers[i + 1] as string)
  }
  const details = statusMessage(status, message, code, self).toString('base64').replace(/=+$/, '')
  const fields = ['grpc-status', String(status), 'grpc-message', percentEncoded(message), 'grpc-status-details-bin', details]
  return { status: 200, headers: ['content-type', 'application/grpc', ...fields, ...kept], body: null }
}

function problemIn({ body }: Answer): { readonly code: string; readonly detail: string; readonly self: string | null } {
  const { code, detail, self } = body instanceof Uint8Array ? JSON.parse(Buffer.from(body).toString()) : {}
  return { code: String(code ?? 'internal'), detail: String(detail ?? ''), self: self ?? null }
}

/** All but visible ASCII, and the percent sign itself. */
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}

/** google.rpc.Status with one google.rpc.ErrorInfo, whose reason is the problem's code, and whose metadata has the problem's `self`. */
function statusMessage(status: number, message: string, code: string, self: string | null): Buffer {
  const metadata = self === null ? [] : [field(3, Buffer.concat([field(1, 'self'), field(2, self)]))]
  const info = Buffer.concat([field(1, code), field(2, 'sallyport'), ...metadata])
  const any = Buffer.concat([field(1, 'type.googleapis.com/google.rpc.ErrorInfo'), field(2, info)])
  return Buffer.concat([Buffer.from([0x08, status]), field(2, message), field(3, any)])
}

/** A field of bytes or text: its tag, its length, itself. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.byteLength)]), bytes])
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}
