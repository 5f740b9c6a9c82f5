/** A sink that is a file of JSON lines, or standard output. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { cutTornLine } from '../files/index.ts'
import type { Shipped, Sink } from './sink.ts'

/**
 * A line is on disk when its delivery resolves. The file may be renamed at any time, as logrotate does: it is opened anew at
 * the next delivery. A last line that a crash or a full disk has torn is cut before anything is written behind it; it is
 * delivered again.
 */
export function createFileSink(path: string): Sink {
  let file: FileHandle | null = null
  let isStale = false

  async function current(): Promise<FileHandle> {
    if (file !== null && (isStale || !(await isStill(file, path)))) await closed()
    isStale = false
    if (file === null) {
      const opened = await open(path, 'a+', 0o600)
      file = opened
      await cutTornLine(opened)
    }
    return file
  }

  async function closed(): Promise<void> {
    const before = file
    file = null
    await before?.close()
  }

  return {
    async deliver(batch) {
      const handle = await current()
      try {
        await handle.appendFile(linesOf(batch))
        await handle.datasync()
      } catch (error) {
        // How much of it was written is not known: opening it finds out.
        await closed()
        throw error
      }
    },
    reopen() {
      isStale = true
    },
    close: () => closed().catch(() => {}),
  }
}

/** Resolves when whoever reads has taken the lines, or the kernel for them. */
export function createStreamSink(stream: Writable): Sink {
  return {
    deliver: (batch) =>
      new Promise<void>((resolve, reject) => stream.write(linesOf(batch), (error) => (error == null ? resolve() : reject(error)))),
    close: async () => {},
  }
}

function linesOf(batch: readonly Shipped[]): string {
  return batch.map(({ text }) => `${text}\n`).join('')
}

async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const [ours, named] = await Promise.all([file.stat(), stat(path).catch(() => null)])
  return named !== null && ours.ino === named.ino && ours.dev === named.dev
}
