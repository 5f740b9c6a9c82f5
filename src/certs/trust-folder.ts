/** What clients need to trust the CA, written where they can read it. Each file is whole at every moment. */
import { chmod, lstat, mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrustFolder } from '../config/index.ts'
import { FolderLockError, lockFolder, requireLocal, writeAtomically } from '../files/index.ts'
import { trustedRoots } from '../sockets/index.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import { readTrustApart, type TrustMaterial } from './startup-process.ts'

/** Into each of the folders, the system's roots included. `known`: as they were read a moment ago. Throws what keeps a file from being written. */
export async function publish(
  { certificate, overlap }: Pick<CertificateAuthority, 'certificate' | 'overlap'>,
  folders: readonly TrustFolder[],
  known?: TrustMaterial,
): Promise<void> {
  const authorities = [certificate, ...(overlap === null ? [] : [overlap.previous])].map((ca) => ca.toString().trim())
  const { roots, truststore } = known ?? (await readTrustApart(authorities).catch(() => readHere(authorities)))
  for (const folder of folders) {
    await keep(folder.certificate, `${authorities[0]}\n`)
    await keep(folder.der, certificate.raw)
    await keep(folder.bundle, `${[...roots, ...authorities].join('\n')}\n`)
    await keep(folder.truststore, Buffer.from(truststore, 'base64'))
    await keep(folder.nodeProxy, await readFile(nodeProxy))
    await keep(folder.aptConfig, `Acquire::https::CaInfo "${folder.bundle}";\n`)
  }
}

const mode = 0o644
/** As it comes with the gateway; clients may run where nothing of that can be read. */
const nodeProxy = join(import.meta.dirname, '../../bin/node-proxy.cjs')

/** What is there already stays as it is: clients may be reading it, and each write waits for the disk. */
async function keep(file: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const found = await lstat(file).catch(() => null)
  const isAsItShouldBe = found?.isFile() === true && (found.mode & 0o7777) === mode && problemOfOwner(found.uid) === null
  if (isAsItShouldBe && (await readFile(file).catch(() => Buffer.alloc(0))).equals(bytes)) return
  await writeAtomically(file, bytes, mode)
}

/** Makes it where it is not there. Throws an Error where other users could not read it, or could write it and so choose whom others trust. */
export async function prepareTrustFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`trust cannot be at ${folder}: ${error.code === 'EEXIST' ? 'it is not a folder' : error.message}`, { cause: error })
  })
  // Whatever the umask is.
  if (made !== undefined) await chmod(folder, 0o755)
  const { mode: bits, uid } = await stat(folder)
  // Not followed: a link may lead elsewhere by the time clients read it.
  const given = await lstat(folder)
  const ofLink = given.isSymbolicLink() ? problemOfOwner(given.uid, 'is a link that belongs') : null
  const problem = problemOfMode(bits) ?? problemOfOwner(uid) ?? ofLink
  if (problem !== null) throw new Error(`trust cannot be at ${folder}: ${problem}`)
}

/**
 * Two gateways would each write their own CA there, and clients of the one that started first would trust the other. The returned
 * function gives the folder back. Throws `FolderLockError` where another gateway has it; where a lock would prove nothing (a file
 * system over a network), none is taken.
 */
export function holdTrustFolder(folder: string): () => void {
  try {
    requireLocal(folder)
  } catch {
    return () => {}
  }
  try {
    return lockFolder(folder, { prefix: '.' })
  } catch (error) {
    throw new FolderLockError(`each gateway needs a trust folder of its own: ${(error as Error).message}`, { cause: error })
  }
}

function problemOfMode(bits: number): string | null {
  const found = `(mode ${(bits & 0o7777).toString(8)}, expected 755)`
  const remedy = 'chmod 755 it, or give another folder'
  if ((bits & 0o022) !== 0) return `other users can write it ${found}: ${remedy}`
  return (bits & 0o005) === 0o005 ? null : `other users cannot read it ${found}: ${remedy}`
}

/** Whose it is may change its mode. Root may do everything anyway. */
function problemOfOwner(uid: number, what = 'belongs'): string | null {
  const own = process.getuid?.() ?? uid
  return uid === own || uid === 0 ? null : `it ${what} to another user (${uid}): give a folder of your own (${own})`
}

/** Where a process cannot be started. */
async function readHere(authorities: readonly string[]): Promise<TrustMaterial> {
  const { trustMaterial } = await import('./truststore.ts')
  return trustMaterial(trustedRoots(), authorities)
}
