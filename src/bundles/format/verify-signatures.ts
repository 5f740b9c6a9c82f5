/** `.signatures.json`: a JSON web token lists the hash of every file, as OPA computes it; it must verify, and the list must match the bundle. */

import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Json } from '../../core/index.ts'
import { hasMembers } from '../../text/index.ts'
import type { BundleFiles } from './bundle.ts'
import { BundleError, shortened } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'
import { type Verification, verifyToken } from './verify-token.ts'

export type { Verification }

export const signaturesFile = '.signatures.json'

const schema = z.strictObject({ signatures: z.array(z.string()), plugin: z.string().optional() })

/** When it was signed, seconds since the epoch, if that is known; or throws `BundleError`. With `null`, a bundle must be unsigned. */
export async function verifySignatures({ origin, contents }: BundleFiles, verification: Verification | null): Promise<number | null> {
  const refused = (problem: string) => new BundleError(origin, signaturesFile, problem)
  const bytes = contents.get(signaturesFile)
  if (verification === null) {
    if (bytes === undefined) return null
    throw refused('the bundle is signed, but no key is configured; configure the key of its author')
  }
  if (bytes === undefined) throw refused('is missing: a key is configured, but the bundle is not signed; sign it with "opa sign"')
  const result = schema.safeParse(decodeDocument(origin, signaturesFile, bytes))
  if (!result.success) throw refused('expected {"signatures": ["…"]}; sign the bundle again')
  const { signatures, plugin } = result.data
  if (plugin !== undefined && plugin !== '' && plugin !== '_default')
    throw refused(`the plugin "${shortened(plugin)}" is not known here; sign with OPA's own`)
  const [token] = signatures
  if (token === undefined || signatures.length !== 1) throw refused(`holds ${signatures.length} signatures; expected exactly one`)
  const { files, signedAt } = await verifyToken(token, verification, refused)
  compare({ origin, contents }, files, refused)
  return signedAt
}

interface ListedFile {
  readonly name: string
  readonly hash: string
  readonly algorithm: string
}

function compare({ origin, contents }: BundleFiles, listed: readonly ListedFile[], refused: (problem: string) => BundleError): void {
  const unseen = new Map(listed.map((file) => [file.name.replace(/^\/+/, ''), file]))
  if (unseen.size !== listed.length) throw refused('lists a file twice; sign the bundle again')
  for (const [name, bytes] of contents) {
    if (name === signaturesFile) continue
    const file = unseen.get(name)
    if (file === undefined) throw new BundleError(origin, name, 'is not listed in the signature; sign the bundle again with this file')
    if (!hashAlgorithms.includes(file.algorithm))
      throw new BundleError(origin, name, `is hashed with "${shortened(file.algorithm)}"; expected one of ${hashAlgorithms.join(', ')}`)
    if (hashFile(origin, name, bytes, file.algorithm) !== file.hash.toLowerCase())
      throw new BundleError(origin, name, 'is not what was signed: its hash differs; fetch or sign the bundle again')
    unseen.delete(name)
  }
  const [missing] = unseen.keys()
  if (missing !== undefined) throw refused(`lists "${shortened(missing)}", which the bundle has not; fetch or sign the bundle again`)
}

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

/** Numbers are written as they were read: Go keeps `1.0` and `1e3` as they stand. */
export function writeCanonical(value: Json): string {
  if (typeof value === 'string') return quoted(value)
  if (!hasMembers(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(writeCanonical).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${entries.map(([key, item]) => `${quoted(key)}:${writeCanonical(item)}`).join(',')}}`
}

/** Go escapes the line separators that JavaScript's source once could not hold. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
