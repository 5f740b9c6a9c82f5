/** A tar archive, gzip'd or plain, as files in memory; its size, names and kinds of entries are bounded whatever a server sends. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { TarHeader } from 'modern-tar'
import type { BundleFiles } from './bundle.ts'
import { BundleError, normalizeName, shortened } from './bundle-error.ts'

export const defaultMaxBytes = 256 * 1024 * 1024
const maxEntries = 100_000

const inflate = promisify(gunzip)

/** `maxBytes` bounds the archive unpacked. Throws `BundleError`. */
export async function readArchive(bytes: Uint8Array, origin: string, maxBytes: number = defaultMaxBytes): Promise<BundleFiles> {
  const archive = await inflated(bytes, origin, maxBytes)
  const contents = new Map<string, Uint8Array>()
  for (const { header, data } of await entries(archive, origin)) {
    const name = nameOf(header, origin)
    if (contents.has(name)) throw new BundleError(origin, name, 'is in the archive twice; build the bundle again')
    contents.set(name, data ?? new Uint8Array())
  }
  if (contents.size === 0) throw new BundleError(origin, null, 'the archive holds no file; expected a bundle as "opa build" makes it')
  return { origin, contents }
}

async function inflated(bytes: Uint8Array, origin: string, maxBytes: number): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    if (bytes.length > maxBytes) throw tooLarge(origin, maxBytes)
    return bytes
  }
  try {
    return await inflate(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(origin, maxBytes)
    const what = code === 'Z_BUF_ERROR' ? 'ends in the middle of its gzip stream' : 'holds a gzip stream that is broken'
    throw new BundleError(origin, null, `${what}; fetch or build it again`)
  }
}

function tooLarge(origin: string, maxBytes: number): BundleError {
  return new BundleError(origin, null, `is larger than ${maxBytes} bytes unpacked; split the bundle or raise its limit`)
}

async function entries(archive: Uint8Array, origin: string) {
  let count = 0
  const filter = (header: TarHeader): boolean => {
    count++
    if (count > maxEntries) throw new BundleError(origin, null, `has more than ${maxEntries} entries; split the bundle`)
    if (header.type === 'file') return true
    if (header.type === 'directory') return false
    throw new BundleError(origin, shortened(header.name), `is a ${header.type ?? 'special'} entry; a bundle holds plain files only`)
  }
  // Loaded with the first bundle.
  const { unpackTar } = await import('modern-tar')
  try {
    return await unpackTar(archive, { strict: true, filter })
  } catch (error) {
    if (error instanceof BundleError) throw error
    const { message } = error as Error
    throw new BundleError(origin, null, `is not a readable tar archive (${shortened(message)}); expected a bundle as "opa build" makes it`)
  }
}

function nameOf(header: TarHeader, origin: string): string {
  const spelled = normalizeName(header.name)
  if ('problem' in spelled) throw new BundleError(origin, null, spelled.problem)
  return spelled.name
}
