/** Which headers of an origin are forwarded to the caller (RFC 9110 §7.6.1). */
import { claimsOurStatus, type HeaderList, Refusal } from '../../core/index.ts'
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
  // The gateway's own headers, so that an origin cannot pass its errors off as the gateway's.
  'sallyport-problem',
  'sallyport-request-id',
])

/**
 * Flat, in order, duplicates kept; without headers of the origin's connection, and those that Connection names.
 * Throws `Refusal('origin-failed')` on a transfer coding that is not decoded here: its bytes would be forwarded as if they were the content (RFC 9112 §6.1).
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
    if (lower === 'proxy-status' && claimsOurStatus(text(raw[i + 1]))) continue
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

/** HTTP header bytes are Latin-1 (RFC 9110 §5.5), so every byte stays as it is. */
function text(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}

/** Adds to `nominated` and never copies it: an origin may send as many Connection headers as fit into a head. */
function nominate(value: string, nominated: string[]): void {
  if (value === 'keep-alive' || value === 'close') return
  for (const name of connectionNames(value)) nominated.push(name)
}
