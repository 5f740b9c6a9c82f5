/** Atomic write: a new file beside the old one, on disk before it is renamed. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { type FileRequest, Refusal, type Reply } from '../../core/index.ts'
import { requireForWrite } from './conditions.ts'
import type { Disk } from './disk.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { inside, openFolder } from './folder-handle.ts'
import { currentFile, replaceFile } from './replace.ts'

/**
 * 201 for a new file, 204 for a replaced one. Throws `Refusal`: conflict, precondition-failed, payload-too-large, and what
 * `openFolder` throws.
 */
export async function writeFile(
  disk: Disk,
  root: string,
  segments: readonly string[],
  request: FileRequest,
  maxBytes: number,
): Promise<Reply> {
  const name = segments.at(-1)
  if (name === undefined) throw new Refusal('conflict', 'the root itself is a folder')
  const { conditions } = request
  const folder = await disk.begin(() => openFolder(root, segments.slice(0, -1)))
  try {
    requireForWrite(conditions, await disk.do(() => currentFile(folder, name)))
    const temporary = inside(folder, `${temporaryPrefix}${randomBytes(9).toString('base64url')}`)
    try {
      const etag = await fill(disk, temporary, request, maxBytes)
      // Checked again, now that the body has arrived: a write in the meantime must not be lost.
      const isNew = await disk.alone(folder, name, () => replaceFile(folder, name, temporary, conditions))
      return { status: isNew ? 201 : 204, headers: ['etag', etag], body: null }
    } finally {
      await disk.do(() => rm(temporary, { force: true }))
    }
  } finally {
    await disk.do(() => folder.close())
  }
}

async function fill(disk: Disk, path: string, { body }: FileRequest, maxBytes: number): Promise<string> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await disk.do(() => open(path, flags, 0o600))
  try {
    // `write` may write less than it is given (a full disk, a quota): this writes all of it, or fails.
    if (body !== null) for await (const chunk of body.chunks(maxBytes)) await disk.do(() => file.writeFile(chunk))
    return await disk.do(async () => {
      await file.sync()
      return etagOf(await file.stat())
    })
  } finally {
    await disk.do(() => file.close())
  }
}
