/** The interception CA: made once, its key 0600 in the state folder, and read back at every start. */
import type { webcrypto } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
// @peculiar/x509 resolves its parts through decorators' metadata, which must be there before it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { trustedRoots } from '../sockets/index.ts'
import { createSerialNumber } from './serial-number.ts'
import { writeAtomically } from './write-atomically.ts'

export interface CertificateAuthority {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
  /** PEM of the CA certificate. */
  readonly certificateFile: string
  /** The system's roots and ours in one PEM file, for clients whose variables replace the trust store. */
  readonly bundleFile: string
  /** The RSA key of leaves, where one was ever needed. */
  readonly leafKeyFile: string
}

/** Of the CA and its leaves. */
export const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const validityMs = 5 * 365 * 86_400_000

/**
 * Opens the CA in `folder` (`ca.key`, `ca.crt`, `bundle.crt`), or makes it there.
 * Throws an Error that names the file where the key is readable by others, unreadable, or does not fit the certificate.
 */
export async function openAuthority(folder: string, now: () => number = Date.now): Promise<CertificateAuthority> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files = { key: join(folder, 'ca.key'), certificate: join(folder, 'ca.crt'), bundle: join(folder, 'bundle.crt') }
  const existing = await readPair(files.key, files.certificate)
  const pair = existing ?? (await generate(now()))
  if (pair.certificate.notAfter.getTime() < now())
    throw new Error(
      `${files.certificate} expired on ${pair.certificate.notAfter.toISOString()}: move the folder away and restart; clients must then trust the new CA`,
    )
  if (existing === null) {
    await writeAtomically(files.key, pemOf(await crypto.subtle.exportKey('pkcs8', pair.keys.privateKey), 'PRIVATE KEY'), 0o600)
    await writeAtomically(files.certificate, `${pair.certificate.toString('pem')}\n`, 0o644)
  }
  await writeAtomically(files.bundle, `${[...trustedRoots(), pair.certificate.toString('pem')].join('\n')}\n`, 0o644)
  return { ...pair, certificateFile: files.certificate, bundleFile: files.bundle, leafKeyFile: join(folder, 'leaf-rsa.key') }
}

async function readPair(
  keyFile: string,
  certificateFile: string,
): Promise<{ certificate: x509.X509Certificate; keys: webcrypto.CryptoKeyPair } | null> {
  const mode = await stat(keyFile).then(
    (found) => found.mode,
    () => null,
  )
  if (mode === null) return null
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${keyFile} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or remove the folder so that a new CA is made`,
    )
  const certificate = new x509.X509Certificate(await readFile(certificateFile, 'utf8'))
  const der = x509.PemConverter.decodeFirst(await readFile(keyFile, 'utf8'))
  const privateKey = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])
  const publicKey = await certificate.publicKey.export(algorithm, ['verify'])
  const probe = new TextEncoder().encode('sallyport')
  const signature = await crypto.subtle.sign(algorithm, privateKey, probe)
  if (!(await crypto.subtle.verify(algorithm, publicKey, signature, probe)))
    throw new Error(`${keyFile} is not the key of ${certificateFile}: restore the pair, or remove the folder so that a new CA is made`)
  return { certificate, keys: { privateKey, publicKey } }
}

async function generate(nowMs: number): Promise<{ certificate: x509.X509Certificate; keys: webcrypto.CryptoKeyPair }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: createSerialNumber(),
    name: `CN=Sallyport interception CA ${new Date(nowMs).toISOString().slice(0, 10)}, O=Sallyport`,
    notBefore: new Date(nowMs - 3_600_000),
    notAfter: new Date(nowMs + validityMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate, keys }
}

export function pemOf(der: ArrayBuffer, label: string): string {
  return `${x509.PemConverter.encode(der, label)}\n`
}
