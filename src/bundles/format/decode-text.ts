/** Bytes of a file in a bundle as text. */
import { BundleError } from './bundle-error.ts'

/** Throws `BundleError` where they are not UTF-8: they would otherwise become U+FFFD in silence. */
export function decodeText(origin: string, file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BundleError(origin, file, 'is not UTF-8; save it as UTF-8')
  }
}
