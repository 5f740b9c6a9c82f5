/** Which of an origin's headers go on to the caller (RFC 9110 §7.6.1). */
import { type HeaderList, Refusal } from '../../core/index.ts'
import { connectionNames, withoutHeaders } from '../../text/index.ts'

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  // The gateway's own marks, so that an origin cannot pass its errors off as the gateway's.
  'sallyport-problem',
  'sallyport-request-id',
])

/**
 * Flat, in order, duplicates kept; without what belongs to the origin's connection, and what Connection names.
 * Throws `Refusal('origin-failed')` on a transfer coding that nobody here decodes: its bytes would go on as content that they are not (RFC 9112 §6.1).
 */
export function endToEnd(raw: readonly (Buffer | string)[]): HeaderList {
  const kept: string[] = []
  const nominated: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i])
    const lower = name.toLowerCase()
    if (hopByHop.has(lower)) {
      if (lower === 'connection') nominate(text(raw[i + 1]), nominated)
      else if (lower === 'transfer-encoding') requireChunked(text(raw[i + 1]))
      continue
    }
    kept.push(name, text(raw[i + 1]))
  }
  return nominated.length === 0 ? kept : withoutHeaders(kept, nominated)
}

function requireChunked(coding: string): void {
  if (coding.trim().toLowerCase() !== 'chunked')
    throw new Refusal(
      'origin-failed',
      `the destination used a transfer coding that it was not asked for (${visible(coding)}); only chunked is understood`,
    )
}

function visible(coding: string): string {
  return coding.replace(/[^\w ,;=.-]/g, '?').slice(0, 40)
}

/** HTTP header bytes are Latin-1 (RFC 9110 §5.5), so that every byte comes out as it went in. */
function text(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}

/** Into `nominated`, which is added to and never copied: an origin may send as many Connection headers as a head has room for. */
function nominate(value: string, nominated: string[]): void {
  if (value === 'keep-alive' || value === 'close') return
  for (const name of connectionNames(value)) nominated.push(name)
}
