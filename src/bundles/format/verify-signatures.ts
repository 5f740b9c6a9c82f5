/** `.signatures.json`: one JSON web token lists the hash of every file; it must verify, and the list must be the bundle. */
import { z } from 'zod'
import type { BundleFiles } from './bundle.ts'
import { BundleError, shortened } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'
import { hashAlgorithms, hashFile } from './hash-file.ts'
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
  if (!result.success) throw refused('expected {"signatures": ["…"]}; sign the bundle anew')
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
  if (unseen.size !== listed.length) throw refused('lists a file twice; sign the bundle anew')
  for (const [name, bytes] of contents) {
    if (name === signaturesFile) continue
    const file = unseen.get(name)
    if (file === undefined) throw new BundleError(origin, name, 'is not listed in the signature; sign the bundle anew with this file')
    if (!hashAlgorithms.includes(file.algorithm))
      throw new BundleError(origin, name, `is hashed with "${shortened(file.algorithm)}"; expected one of ${hashAlgorithms.join(', ')}`)
    if (hashFile(origin, name, bytes, file.algorithm) !== file.hash.toLowerCase())
      throw new BundleError(origin, name, 'is not what was signed: its hash differs; fetch or sign the bundle anew')
    unseen.delete(name)
  }
  const [missing] = unseen.keys()
  if (missing !== undefined) throw refused(`lists "${shortened(missing)}", which the bundle has not; fetch or sign the bundle anew`)
}
