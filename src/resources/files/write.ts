/** Atomic write: a new file beside the old one, on disk before it takes the name. */
import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { chmod, type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { type FileRequest, Refusal, type Reply } from '../../core/index.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { inside, openFolder } from './folder-handle.ts'

/** 201 for a new file, 204 for one replaced. Throws `Refusal`: conflict, payload-too-large, and what `openFolder` throws. */
export async function writeFile(root: string, segments: readonly string[], request: FileRequest, maxBytes: number): Promise<Reply> {
  const name = segments.at(-1)
  if (name === undefined) throw new Refusal('conflict', 'the root itself is a folder')
  const folder = await openFolder(root, segments.slice(0, -1))
  try {
    const before = await current(folder, name)
    requireConditions(request, before)
    const temporary = inside(folder, `${temporaryPrefix}${randomBytes(9).toString('base64url')}`)
    try {
      const etag = await fill(temporary, request, maxBytes)
      // Once more, now that the body is in: a write in the meantime must not be lost.
      const replaced = await current(folder, name)
      requireConditions(request, replaced)
      if (replaced !== null) await keepMode(temporary, replaced)
      await rename(temporary, inside(folder, name))
      await folder.sync()
      return { status: before === null ? 201 : 204, headers: ['etag', etag], body: null }
    } finally {
      await rm(temporary, { force: true })
    }
  } finally {
    await folder.close()
  }
}

async function current(folder: FileHandle, name: string): Promise<Stats | null> {
  const found = await lstat(inside(folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found !== null && !found.isFile()) throw new Refusal('conflict', 'what is there is not a regular file')
  return found
}

function requireConditions({ conditions: { ifMatch, ifNoneMatch } }: FileRequest, found: Stats | null): void {
  const etag = found === null ? null : etagOf(found)
  if (ifNoneMatch === '*' && found !== null) throw new Refusal('conflict', 'the file exists already')
  if (ifMatch !== null && (ifMatch === '*' ? found === null : ifMatch !== etag))
    throw new Refusal('conflict', 'the file is not the one that If-Match names')
}

/** Others of the host read on what they could read; a group only where it is the same one, and no set-id bits. */
async function keepMode(path: string, { mode, gid }: Stats): Promise<void> {
  const { gid: own } = await lstat(path)
  await chmod(path, mode & (own === gid ? 0o777 : 0o707))
}

async function fill(path: string, { body }: FileRequest, maxBytes: number): Promise<string> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    // `write` may write less than it was given (a full disk, a quota): this goes on to the end, or fails.
    if (body !== null) for await (const chunk of body.chunks(maxBytes)) await file.writeFile(chunk)
    await file.sync()
    return etagOf(await file.stat())
  } finally {
    await file.close()
  }
}
