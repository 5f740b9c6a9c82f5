/** The token of a signature against the configured keys; the key says which algorithm counts, never the token. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import type { SignatureAlgorithm } from '../../config/index.ts'
import { type BundleError, shortened } from './bundle-error.ts'

export type { SignatureAlgorithm }

export interface VerificationKey {
  readonly algorithm: SignatureAlgorithm
  /** PEM of a public key or certificate; for HS256 and its like the secret itself. */
  readonly key: string
  /** What a token must say as its scope; empty where absent. */
  readonly scope?: string
}

export interface Verification {
  /** By key id. */
  readonly keys: Readonly<Record<string, VerificationKey>>
  /** Counts whatever the token says; without it the token names its key. */
  readonly keyId?: string
  /** In place of the key's. */
  readonly scope?: string
}

const claims = z.object({
  files: z.array(z.object({ name: z.string(), hash: z.string(), algorithm: z.string() })),
  scope: z.string().default(''),
  keyid: z.string().default(''),
  /** RFC 7519 §4.1.6. */
  iat: z.number().optional(),
})

type Refused = (problem: string) => BundleError

/** The files that the token lists, and when it was signed. Throws what `refused` gives. */
export async function verifyToken(token: string, verification: Verification, refused: Refused) {
  const keyId = verification.keyId ?? (await keyIdIn(token, refused))
  const key = Object.hasOwn(verification.keys, keyId) ? verification.keys[keyId] : undefined
  if (key === undefined)
    throw refused(`is signed with the key "${shortened(keyId)}", which is not configured; configure it, or sign with another`)
  const payload = await verified(token, key, keyId, refused)
  const result = claims.safeParse(payload)
  if (!result.success) throw refused('has a token without a list of files; sign the bundle again')
  const scope = verification.scope ?? key.scope ?? ''
  if (result.data.scope !== scope)
    throw refused(
      `is signed for the scope "${shortened(result.data.scope)}"; expected "${scope}", sign the bundle for that or configure the other`,
    )
  return { files: result.data.files, signedAt: result.data.iat ?? null }
}

/** Loaded for the first signature: it takes ten megabytes that a gateway without signed bundles does not spend. */
const jose = () => import('jose')

async function verified(token: string, { algorithm, key }: VerificationKey, keyId: string, refused: Refused): Promise<unknown> {
  const material = materialOf(algorithm, key)
  if (typeof material === 'string') throw refused(`the configured key "${keyId}" ${material}`)
  try {
    const { compactVerify } = await jose()
    const { payload } = await compactVerify(token, material, { algorithms: [algorithm] })
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code === 'ERR_JOSE_ALG_NOT_ALLOWED')
      throw refused(`is signed with another algorithm than ${algorithm}, which the key "${keyId}" is for`)
    throw refused(`the signature does not verify with the key "${keyId}" (${algorithm}); check the key, or sign the bundle again`)
  }
}

/** The key, or what is wrong with it. A public key taken for an HMAC secret would let every reader of it sign. */
function materialOf(algorithm: SignatureAlgorithm, key: string): KeyObject | Uint8Array | string {
  const isPem = key.includes('-----BEGIN')
  if (algorithm.startsWith('HS')) {
    if (isPem) return `is PEM, which is not a secret for ${algorithm}; name the algorithm that it is for`
    return key === '' ? 'is empty' : new TextEncoder().encode(key)
  }
  if (key.includes('PRIVATE KEY-----')) return 'is a private key; configure the public one'
  try {
    if (isPem) return createPublicKey(key)
  } catch {
    // Told below.
  }
  return 'is not readable; expected a public key or certificate in PEM'
}

/** The header's `kid`, or the claim that was used before it. */
async function keyIdIn(token: string, refused: Refused): Promise<string> {
  const { decodeJwt, decodeProtectedHeader } = await jose()
  try {
    const { kid } = decodeProtectedHeader(token)
    const { keyid } = decodeJwt(token)
    const found = kid ?? keyid
    if (typeof found === 'string' && found !== '') return found
  } catch {
    throw refused('holds no readable token; sign the bundle again')
  }
  throw refused('names no key; sign with a key id, or configure the one that counts')
}
