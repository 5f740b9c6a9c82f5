/** The digest of a file as OPA's signatures have it: structured files by their value, others by their bytes. */
import { createHash } from 'node:crypto'
import { writeCanonical } from './canonical.ts'
import { decodeDocument } from './decode-document.ts'

/** OPA's names; MD5 and SHA-1, which it takes as well, are broken. */
const algorithms: Readonly<Record<string, string>> = {
  'SHA-224': 'sha224',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
  'SHA-512-224': 'sha512-224',
  'SHA-512-256': 'sha512-256',
}

export const hashAlgorithms: readonly string[] = Object.keys(algorithms)

/** Hex. `algorithm` is one of `hashAlgorithms`. Throws `BundleError` where a structured file cannot be read. */
export function hashFile(origin: string, file: string, bytes: Uint8Array, algorithm: string): string {
  const hash = createHash(algorithms[algorithm] ?? '')
  if (!isStructured(file)) return hash.update(bytes).digest('hex')
  return hash.update(writeCanonical(decodeDocument(origin, file, bytes))).digest('hex')
}

function isStructured(file: string): boolean {
  return /(?:^|\/)(?:data\.json|data\.ya?ml|\.manifest)$/.test(file)
}
