/** The last good bundle on disk, for a start without its server: one file, replaced whole, and verified again when it is read. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomically } from '../../files/index.ts'
import { BundleError } from '../format/index.ts'
import { applyUpdate, type Fetched, type UpdateOptions } from './updates.ts'

/** The first line; the archives follow, one behind the other. */
interface Head {
  /** Where it came from. */
  readonly origin: string
  readonly etag: string | null
  /** Bytes of each archive. */
  readonly lengths: readonly number[]
}

/** Mode 0600. After the rename the file is the new one whole, whatever happens. */
export async function keepFetched(path: string, origin: string, { parts, etag }: Fetched): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const head: Head = { origin, etag, lengths: parts.map((part) => part.length) }
  await writeAtomically(path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...parts]), 0o600)
}

/** `null`: none is kept, or one from another place. Throws `BundleError` where it does not verify (any more). */
export async function readKept(
  path: string,
  origin: string,
  options: Omit<UpdateOptions, 'origin' | 'notBefore'>,
): Promise<Fetched | null> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new BundleError(path, null, `what is kept of the bundle cannot be read: ${error.code}`)
  })
  if (bytes === null) return null
  const end = bytes.indexOf('\n')
  const head = headOf(bytes.subarray(0, end).toString())
  if (head === null) throw new BundleError(path, null, 'what is kept of the bundle is damaged')
  if (head.origin !== origin) return null
  let fetched: Fetched | null = null
  let start = end + 1
  for (const length of head.lengths) {
    fetched = await applyUpdate(fetched, bytes.subarray(start, start + length), head.etag, {
      ...options,
      origin: path,
      notBefore: fetched?.bundle.signedAt ?? null,
    })
    start += length
  }
  return fetched
}

function headOf(line: string): Head | null {
  try {
    const { origin, etag, lengths } = JSON.parse(line) as Head
    return typeof origin === 'string' && Array.isArray(lengths) && lengths.every(Number.isSafeInteger) ? { origin, etag, lengths } : null
  } catch {
    return null
  }
}
