/** Writes what was read as JSON lines: to one file or standard output, or to a folder with a file for each gateway. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cutTornLine } from '../files/index.ts'
import type { FleetMessage } from './message.ts'

export interface Written {
  /** Resolves when it is on disk. After a crash the last messages can come twice. */
  write(messages: readonly FleetMessage[]): Promise<void>
  close(): Promise<void>
}

/** Of gateways, whose number has no bound. */
const maxOpenFiles = 256

/**
 * `lines`: one line for each record, with its gateway, index and leaf hash, and the value as text, byte by byte as it came.
 * `folders`: a folder for each gateway, with `records.jsonl` (the values alone, as they came) and `checkpoint`, the latest.
 */
export function createWriter(kind: 'lines' | 'folders', path: string): Written {
  return kind === 'lines' ? createLines(path) : createFolders(path)
}

function createLines(path: string): Written {
  let file: FileHandle | null = null
  return {
    async write(messages) {
      file ??= await openLines(path)
      await file.appendFile(messages.map(lineOf).join(''))
      await file.datasync()
    },
    async close() {
      await file?.close()
    },
  }
}

/** What a crash tore comes again: the offset moves on behind what is written. */
async function openLines(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600)
  await cutTornLine(file)
  return file
}

function lineOf(message: FleetMessage): string {
  const { origin, kind } = message
  if (message.kind === 'checkpoint') return `${JSON.stringify({ origin, kind, note: message.note })}\n`
  if (message.kind === 'leaves') return ''
  const { index, leaf, value } = message
  return `${JSON.stringify({ origin, kind, index, leaf: leaf.toString('hex'), text: value.toString('utf8') })}\n`
}

function createFolders(root: string): Written {
  const files = new Map<string, FileHandle>()

  async function fileOf(folder: string): Promise<FileHandle> {
    const known = files.get(folder)
    if (known !== undefined) return known
    const [oldest] = files
    if (files.size >= maxOpenFiles && oldest !== undefined) {
      files.delete(oldest[0])
      await oldest[1].close()
    }
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const file = await openLines(join(folder, 'records.jsonl'))
    files.set(folder, file)
    return file
  }

  return {
    async write(messages) {
      for (const [origin, own] of Map.groupBy(messages, (message) => message.origin)) {
        const folder = join(root, folderName(origin))
        const file = await fileOf(folder)
        const values = own.flatMap((message) => (message.kind === 'record' ? [message.value, lineEnd] : []))
        await file.appendFile(Buffer.concat(values))
        await file.datasync()
        const checkpoint = own.findLast(({ kind }) => kind === 'checkpoint')
        if (checkpoint?.kind === 'checkpoint') await writeFile(join(folder, 'checkpoint'), checkpoint.note, { mode: 0o600 })
      }
    },
    async close() {
      await Promise.all([...files.values()].map((file) => file.close()))
    },
  }
}

const lineEnd = Buffer.from('\n')

/** The origin's last part where that is a plain name, as those of gateways are; nothing in it leaves the folder. */
function folderName(origin: string): string {
  const [, name] = /^sallyport\/([0-9a-f-]{8,64})$/.exec(origin) ?? []
  return name ?? `other-${createHash('sha256').update(origin).digest('hex').slice(0, 16)}`
}
