/** Reading, describing and listing below a root. */
import type { Stats } from 'node:fs'
import { type FileHandle, readdir } from 'node:fs/promises'
import { type FileRequest, type HeaderList, type PushedBody, Refusal, type Reply } from '../../core/index.ts'
import { isKnownToCaller } from './conditions.ts'
import type { Disk } from './disk.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { itself, openEntry, openFolder } from './folder-handle.ts'

const chunkBytes = 64 * 1024
const maxEntries = 10_000

export async function readFile(
  disk: Disk,
  root: string,
  segments: readonly string[],
  { conditions }: FileRequest,
  maxBytes: number,
): Promise<Reply> {
  const { file, stats } = await disk.begin(() => openAt(root, segments))
  try {
    if (!stats.isFile()) throw new Refusal('conflict', 'this is a folder: list it with ?op=list')
    if (stats.size > maxBytes) throw new Refusal('conflict', `the file is larger than ${maxBytes} bytes`)
    if (isKnownToCaller(conditions, stats)) {
      await disk.do(() => file.close())
      return unchanged(stats)
    }
    return { status: 200, headers: describe(stats), body: pushFile(disk, file, stats.size) }
  } catch (error) {
    await disk.do(() => file.close())
    throw error
  }
}

export async function statFile(disk: Disk, root: string, segments: readonly string[], { conditions, head }: FileRequest): Promise<Reply> {
  const stats = await disk.begin(async () => {
    const opened = await openAt(root, segments)
    await opened.file.close()
    return opened.stats
  })
  if (isKnownToCaller(conditions, stats)) return unchanged(stats)
  if (head) return { status: 200, headers: describe(stats), body: null }
  return json({
    type: stats.isFile() ? 'file' : 'folder',
    bytes: stats.size,
    modified: stats.mtime.toISOString(),
    etag: etagOf(stats),
  })
}

function describe(stats: Stats): HeaderList {
  return ['content-type', 'application/octet-stream', 'content-length', String(stats.size), ...validatorsOf(stats)]
}

function unchanged(stats: Stats): Reply {
  return { status: 304, headers: validatorsOf(stats), body: null }
}

function validatorsOf(stats: Stats): HeaderList {
  return ['etag', etagOf(stats), 'last-modified', stats.mtime.toUTCString()]
}

/** Regular files and folders, sorted; links and devices are not shown to the integration. */
export async function listFolder(disk: Disk, root: string, segments: readonly string[]): Promise<Reply> {
  const found = await disk.begin(async () => {
    const folder = await openFolder(root, segments)
    try {
      return await readdir(itself(folder), { withFileTypes: true })
    } finally {
      await folder.close()
    }
  })
  const entries = found
    .filter((entry) => (entry.isFile() || entry.isDirectory()) && !entry.name.startsWith(temporaryPrefix))
    .map((entry) => ({ name: entry.name, type: entry.isFile() ? 'file' : 'folder' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return json({ entries: entries.slice(0, maxEntries), complete: entries.length <= maxEntries })
}

async function openAt(root: string, segments: readonly string[]): Promise<{ file: FileHandle; stats: Stats }> {
  const name = segments.at(-1)
  const folder = await openFolder(root, segments.slice(0, -1))
  const file = name === undefined ? folder : await openEntry(folder, name).finally(() => folder.close())
  try {
    return { file, stats: await file.stat() }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Pushes exactly the declared length, whatever is appended meanwhile; if the file becomes shorter, the transfer breaks off. */
function pushFile(disk: Disk, file: FileHandle, size: number): PushedBody {
  return async (sink) => {
    try {
      const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(1, size)))
      for (let left = size; left > 0; ) {
        const { bytesRead } = await disk.do(() => file.read(buffer, 0, Math.min(buffer.byteLength, left), null))
        if (bytesRead === 0) throw new Refusal('origin-failed', 'the file became shorter')
        left -= bytesRead
        if (!(await sink.write(Buffer.from(buffer.subarray(0, bytesRead))))) return
      }
    } finally {
      await disk.do(() => file.close())
    }
  }
}

function json(value: unknown): Reply {
  return {
    status: 200,
    headers: ['content-type', 'application/json', 'cache-control', 'no-store'],
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  }
}
