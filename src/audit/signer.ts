/** The key that signs checkpoints: from a file that the first start makes, or from the environment. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { writeAtomically } from '../files/index.ts'
import { AuditError } from './audit-error.ts'
import { rawPublicKey } from './note.ts'

export interface Signer {
  /** 32 bytes, of Ed25519. */
  readonly publicKey: Buffer
  /** 64 bytes. */
  sign(text: Buffer): Promise<Buffer>
}

/**
 * Gives the key that signs a log; a file that is not there is made where `mayCreate`. `known`: the public key that is beside the log;
 * `null` where it is to be begun, or none is.
 */
export type OpenSigner = (mayCreate: boolean, known: Buffer | null) => Promise<Signer>

/** Of Ed25519, PKCS #8 in PEM. */
export type KeySource = { readonly file: string } | { readonly pem: string }

/** It throws `AuditError` where it is no such key, where others can read its file, and where that is missing. */
export function signerFrom(key: KeySource): OpenSigner {
  return async (mayCreate) => ('file' in key ? signerOfFile(key.file, mayCreate) : signerOf(key.pem, 'audit.key'))
}

/** `of` names where the text is from. */
function signerOf(pem: string, of: string): Signer {
  const key = readKey(pem)
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new AuditError(`${of} does not hold a private key of Ed25519 in PEM ("openssl genpkey -algorithm ed25519" makes one)`)
  return { publicKey: rawPublicKey(key), sign: async (text) => sign(null, text, key) }
}

async function signerOfFile(file: string, mayCreate: boolean): Promise<Signer> {
  const mode = modeOf(file)
  if (mode === null) {
    if (!mayCreate)
      throw new AuditError(
        `the key of the audit log is missing (${file}), and nobody else can sign it: restore it, or move the log away and start with a new one`,
      )
    const { privateKey } = generateKeyPairSync('ed25519')
    await writeAtomically(file, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, 0o600)
  } else if ((mode & 0o077) !== 0)
    throw new AuditError(
      `${file} can be read by others (mode ${(mode & 0o777).toString(8)}), and who reads it can rewrite the audit log: chmod 600 it, and if others may have read it, remove it and close the log by "sallyport audit continue"`,
    )
  return signerOf(readFileSync(file, 'utf8'), file)
}

function modeOf(file: string): number | null {
  try {
    return statSync(file).mode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}
