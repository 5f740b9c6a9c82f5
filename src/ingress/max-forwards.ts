/** How many more hops an OPTIONS or a TRACE may take (RFC 9110 §7.6.2); for other methods the header has no meaning. */
import { Refusal } from '../core/index.ts'
import { soleHeader } from './headers.ts'

/** A larger number counts as this one (RFC 9110 §7.6.2). */
const most = 2 ** 31 - 1

/** Counts this hop in `headers`; answers whether it is the last one. Throws `Refusal('malformed-request')` on what is not a number. */
export function countHop(method: string, headers: string[]): boolean {
  if (method !== 'OPTIONS' && method !== 'TRACE') return false
  const given = soleHeader(headers, 'max-forwards')
  if (given === null) return false
  if (!/^\d+$/.test(given)) throw new Refusal('malformed-request', 'Max-Forwards is not a number')
  const left = Math.min(Number(given), most)
  if (left === 0) return true
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'max-forwards')
  headers[at + 1] = String(left - 1)
  return false
}
