/** The CA on disk: its key 0600 in the state folder, and beside it what a rotation leaves. Whatever moment a write is cut off at, the key and its certificate are found. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { AuthorityFolder } from '../config/index.ts'
import { writeAtomically } from '../files/index.ts'
import type { CertificateAuthority, MadeAuthority, Overlap } from './certificate-authority.ts'

/**
 * `null` where there is none yet. Expired or not.
 * Throws an Error that names the file where the key is readable by others, unreadable, or does not fit the certificate.
 */
export async function readAuthority(files: AuthorityFolder, nowMs: number): Promise<CertificateAuthority | null> {
  const privateKey = await readKey(files.key)
  if (privateKey === null) return null
  const rotated = await readRotation(files.rotation)
  const [newest] = rotated
  // A rotation that was cut off after its key: `ca.crt` is still the one before.
  if (newest?.checkPrivateKey(privateKey) === true) return found(files, privateKey, newest, overlapIn(rotated, nowMs))
  const certificate = new X509Certificate(await readFile(files.certificate, 'utf8'))
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error(`${files.key} is not the key of ${files.certificate}: restore the pair, or remove the folder so that a new CA is made`)
  return found(files, privateKey, certificate, null)
}

/** From the key on, the new CA is the one that is read; its certificate is published behind it. */
export async function writeAuthority(files: AuthorityFolder, { key, certificate }: MadeAuthority, overlap: Overlap | null): Promise<void> {
  const certificates = [certificate, ...(overlap === null ? [] : [overlap.cross, overlap.previous.toString()])]
  await writeAtomically(files.rotation, `${certificates.map((pem) => pem.trim()).join('\n')}\n`, 0o644)
  await writeAtomically(files.key, key, 0o600)
}

function found(
  { leafKey }: AuthorityFolder,
  privateKey: KeyObject,
  certificate: X509Certificate,
  overlap: Overlap | null,
): CertificateAuthority {
  return { certificate, privateKey, overlap, leafKeyFile: leafKey }
}

async function readKey(file: string): Promise<KeyObject | null> {
  const mode = await stat(file).then(
    (about) => about.mode,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    },
  )
  if (mode === null) return null
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${file} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or remove the folder so that a new CA is made`,
    )
  return createPrivateKey(await readFile(file, 'utf8'))
}

/** Empty where the CA was never rotated. */
async function readRotation(file: string): Promise<readonly X509Certificate[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((pem) => new X509Certificate(pem))
}

function overlapIn([, cross, previous]: readonly X509Certificate[], nowMs: number): Overlap | null {
  if (cross === undefined || previous === undefined) return null
  const untilMs = cross.validToDate.getTime()
  return untilMs > nowMs ? { cross: cross.toString(), previous, untilMs } : null
}
