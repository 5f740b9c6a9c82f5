/** Signs with a version of a key that Vault keeps: with the one that the log was begun with, whichever is the newest by now. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { AuditError, type OpenSigner, type Signer, signerFrom } from '../audit/index.ts'
import type { AuditKey } from '../config/index.ts'
import { createVaultTransit, type VaultTransit } from './vault-transit.ts'

/** It throws as `signerFrom` does, and where a log is begun while Vault cannot be reached: without its key the log has no name. */
export function signerOf(key: AuditKey): OpenSigner {
  if (!('vault' in key)) return signerFrom(key)
  const transit = createVaultTransit(key.vault)
  return (_mayCreate, known) => openSigner(transit, known)
}

async function openSigner(transit: VaultTransit, known: Buffer | null): Promise<Signer> {
  const versions = await transit.publicKeys().catch((error: Error) => {
    if (known !== null) return null
    throw new AuditError(`the audit log cannot be begun without the key that signs it: ${error.message}`, { cause: error })
  })
  // Out of reach: the log goes on, by the key that is beside it, and nothing is signed before Vault says that it has this one.
  if (versions === null) return signerBy(transit, known as Buffer, null)
  // Where none is of this log, the newest is compared with it, and the log is refused as another gateway's.
  const found = versions.find(({ publicKey }) => known?.equals(publicKey)) ?? versions[0]
  if (found === undefined) throw new AuditError('Vault has no version of the key')
  return signerBy(transit, found.publicKey, found.version)
}

function signerBy(transit: VaultTransit, publicKey: Buffer, known: number | null): Signer {
  const key = keyObject(publicKey)
  let version = known

  async function findVersion(): Promise<number> {
    const found = (await transit.publicKeys()).find((one) => one.publicKey.equals(publicKey))
    if (found === undefined)
      throw new AuditError('no version of the key in Vault is the one of this log, or the log was replaced by another')
    return found.version
  }

  return {
    publicKey,
    async sign(text) {
      version ??= await findVersion()
      const signature = await transit.sign(text, version)
      if (!verify(null, text, key, signature)) throw new AuditError('Vault gave a signature that is not by the key of this log')
      return signature
    },
  }
}

function keyObject(publicKey: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' })
}
