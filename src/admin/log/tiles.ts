/** The files of the log as clients of transparency logs read them (c2sp.org/tlog-tiles): checkpoint, tiles and entry bundles. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { sendProblem } from '../answers.ts'

/** Levels 0 to 63, or bundles of entries; groups of three digits, all but the last behind an `x`; the width of a partial one. */
const tilePath = /^tile\/(?:\d|[1-5]\d|6[0-3]|entries)\/(?:x\d{3}\/){0,6}\d{3}(?:\.p\/(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]))?$/

/** What the path below the log's folder is; `null`: no such file is served. */
export function tileAt(path: string): 'checkpoint' | 'tile' | null {
  if (path === 'checkpoint') return 'checkpoint'
  return tilePath.test(path) ? 'tile' : null
}

/** `path` is one that `tileAt` knows; of `folders` the first that has it counts. */
export async function sendTile(res: ServerResponse, path: string, folders: readonly string[]): Promise<void> {
  const absent = () => sendProblem(res, 404, `there is no ${path}: it is not written yet, or retention has removed it`)
  const file = await openFirst(folders.map((folder) => join(folder, path)))
  if (file === null) return absent()
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return absent()
    const { size } = stats
    const type = path === 'checkpoint' ? 'text/plain; charset=utf-8' : 'application/octet-stream'
    res.writeHead(200, { 'content-type': type, 'content-length': size, 'cache-control': 'no-store' })
    // A checkpoint is replaced, and never longer in place.
    await pipeline(file.createReadStream({ end: Math.max(0, size - 1), autoClose: false }), res)
  } catch {
    // The reader has left, or sees that it is not whole.
    res.destroy()
  } finally {
    await file.close()
  }
}

/** No link: what it leads to is none of the log; and no pipe, which would never end. */
async function openFirst(paths: readonly string[]): Promise<FileHandle | null> {
  for (const path of paths) {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null)
    if (file !== null) return file
  }
  return null
}
