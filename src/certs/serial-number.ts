/** Serial numbers of the CA and its leaves. */
import { randomBytes } from 'node:crypto'

/**
 * Sixteen random bytes in hex, of which the first lies between 0x40 and 0x7f: positive and minimal in DER whatever
 * writes it (X.690 §8.3, RFC 5280 §4.1.2.2).
 */
export function createSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
