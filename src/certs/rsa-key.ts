/** The RSA key of leaves for clients that know no ECDSA: made when the first of them comes, and kept with the CA. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, type webcrypto } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { writeAtomically } from '../files/index.ts'

export interface RsaKey {
  /** PKCS #8. */
  readonly pem: string
  readonly publicKey: webcrypto.CryptoKey
}

/** NIST SP 800-57: good beyond the CA's five years for what lives a week, and four times as quick to sign as 4096 bits. */
const modulusLength = 2048
const publicAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

/** Takes hundreds of milliseconds where there is no key yet, in a thread of libuv. A key that cannot be written lives as long as the process. */
export async function openRsaKey(file: string): Promise<RsaKey> {
  const kept = await readKey(file)
  const key = kept ?? (await promisify(generateKeyPair)('rsa', { modulusLength })).privateKey
  const pem = key.export({ format: 'pem', type: 'pkcs8' }) as string
  if (kept === null) await writeAtomically(file, pem, 0o600).catch(() => {})
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { pem, publicKey: await crypto.subtle.importKey('spki', new Uint8Array(spki), publicAlgorithm, true, ['verify']) }
}

/** `null` where there is no key, or other users could read it, or it is not an RSA key: a new key costs nothing but new leaves. */
async function readKey(file: string): Promise<KeyObject | null> {
  try {
    if (((await stat(file)).mode & 0o077) !== 0) return null
    const key = createPrivateKey(await readFile(file, 'utf8'))
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= modulusLength ? key : null
  } catch {
    return null
  }
}
