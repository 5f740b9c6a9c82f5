/** Reading, describing and listing below a root. */
import { type FileHandle, readdir } from 'node:fs/promises'
import { type FileRequest, type PushedBody, Refusal, type Reply } from '../../core/index.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { itself, openFile, openFolder } from './folder-handle.ts'

const chunkBytes = 64 * 1024
const maxEntries = 10_000

export async function readFile(root: string, segments: readonly string[], request: FileRequest, maxBytes: number): Promise<Reply> {
  const file = await openEntry(root, segments)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new Refusal('conflict', 'this is a folder: list it with ?op=list')
    if (stats.size > maxBytes) throw new Refusal('conflict', `the file is larger than ${maxBytes} bytes`)
    const etag = etagOf(stats)
    if (request.conditions.ifNoneMatch === etag) {
      await file.close()
      return { status: 304, headers: ['etag', etag], body: null }
    }
    return {
      status: 200,
      headers: ['content-type', 'application/octet-stream', 'content-length', String(stats.size), 'etag', etag],
      body: pushFile(file, stats.size),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

export async function statFile(root: string, segments: readonly string[], request: FileRequest): Promise<Reply> {
  const file = await openEntry(root, segments)
  try {
    const stats = await file.stat()
    if (!stats.isFile() && !stats.isDirectory()) throw new Refusal('not-found', 'there is no such file')
    const described = {
      type: stats.isFile() ? 'file' : 'folder',
      bytes: stats.size,
      modified: stats.mtime.toISOString(),
      etag: etagOf(stats),
    }
    if (request.head)
      return {
        status: 200,
        headers: [
          'content-type',
          'application/octet-stream',
          'content-length',
          String(stats.size),
          'etag',
          described.etag,
          'last-modified',
          stats.mtime.toUTCString(),
        ],
        body: null,
      }
    return json(described)
  } finally {
    await file.close()
  }
}

/** Regular files and folders, sorted; links and devices are not there for the integration. */
export async function listFolder(root: string, segments: readonly string[]): Promise<Reply> {
  const folder = await openFolder(root, segments)
  try {
    const found = await readdir(itself(folder), { withFileTypes: true })
    const entries = found
      .filter((entry) => (entry.isFile() || entry.isDirectory()) && !entry.name.startsWith(temporaryPrefix))
      .map((entry) => ({ name: entry.name, type: entry.isFile() ? 'file' : 'folder' }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    return json({ entries: entries.slice(0, maxEntries), complete: entries.length <= maxEntries })
  } finally {
    await folder.close()
  }
}

async function openEntry(root: string, segments: readonly string[]): Promise<FileHandle> {
  const name = segments.at(-1)
  if (name === undefined) return openFolder(root, [])
  const folder = await openFolder(root, segments.slice(0, -1))
  try {
    return await openFile(folder, name)
  } finally {
    await folder.close()
  }
}

/** No more than the length that was declared, whatever is appended meanwhile; less breaks the transfer. */
function pushFile(file: FileHandle, size: number): PushedBody {
  return async (sink) => {
    try {
      const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(1, size)))
      for (let left = size; left > 0; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.byteLength, left), null)
        if (bytesRead === 0) throw new Refusal('origin-failed', 'the file became shorter')
        left -= bytesRead
        if (!(await sink.write(Buffer.from(buffer.subarray(0, bytesRead))))) return
      }
    } finally {
      await file.close()
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
