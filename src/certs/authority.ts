/** The interception CA: made once, its key 0600 in the state folder, and read back at every start. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { writeAtomically } from '../files/index.ts'
import { trustedRoots } from '../sockets/index.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import { makeAuthorityApart, readRootsApart, type StartupAnswer } from './startup-process.ts'

interface Pair {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject
}

/** Where it is kept; `bundle` is the system's roots and its own certificate. */
export interface AuthorityFiles {
  readonly folder: string
  readonly key: string
  readonly certificate: string
  readonly bundle: string
  readonly leafKey: string
}

/**
 * Opens the CA, or makes it in its folder.
 * Throws an Error that names the file where the key is readable by others, unreadable, or does not fit the certificate.
 */
export async function openAuthority(files: AuthorityFiles, now: () => number = Date.now): Promise<CertificateAuthority> {
  await mkdir(files.folder, { recursive: true, mode: 0o700 })
  const kept = await readPair(files.key, files.certificate)
  // Where a process cannot be started, the same is read here.
  const { roots, ...pair } = kept === null ? await make(files, now()) : { ...kept, roots: await readRootsApart().catch(trustedRoots) }
  const { certificate } = pair
  if (certificate.validToDate.getTime() < now())
    throw new Error(
      `${files.certificate} expired on ${certificate.validToDate.toISOString()}: move the folder away and restart; clients must then trust the new CA`,
    )
  await writeAtomically(files.bundle, `${[...roots, certificate.toString()].join('\n')}\n`, 0o644)
  return { ...pair, certificateFile: files.certificate, bundleFile: files.bundle, leafKeyFile: files.leafKey }
}

async function readPair(keyFile: string, certificateFile: string): Promise<Pair | null> {
  const mode = await stat(keyFile).then(
    (found) => found.mode,
    () => null,
  )
  if (mode === null) return null
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${keyFile} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or remove the folder so that a new CA is made`,
    )
  const certificate = new X509Certificate(await readFile(certificateFile, 'utf8'))
  const privateKey = createPrivateKey(await readFile(keyFile, 'utf8'))
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error(`${keyFile} is not the key of ${certificateFile}: restore the pair, or remove the folder so that a new CA is made`)
  return { certificate, privateKey }
}

async function make(files: AuthorityFiles, nowMs: number): Promise<Pair & Pick<StartupAnswer, 'roots'>> {
  const { roots, made } = await makeAuthorityApart(nowMs)
  const { key, certificate } = made
  await writeAtomically(files.key, key, 0o600)
  await writeAtomically(files.certificate, certificate, 0o644)
  return { roots, certificate: new X509Certificate(certificate), privateKey: createPrivateKey(key) }
}
