/** Whose turn it is at the file systems: calls block one of libuv's few threads each, and the audit log needs one as well. */
import type { FileHandle } from 'node:fs/promises'
import type { Hangup, Progress } from '../../core/index.ts'
import { createFairQueue } from '../../shares/index.ts'

/** One request's; the turns are its integration's. */
export interface Disk {
  /** Calls of the file system that wait for nothing else. */
  do<T>(calls: () => Promise<T>): Promise<T>
  /** The same; for a caller that has left by then nothing is begun (`client-closed`). */
  begin<T>(calls: () => Promise<T>): Promise<T>
  /** The same as `begin`, and nobody else of this process does so with that file meanwhile. */
  alone<T>(folder: FileHandle, name: string, calls: () => Promise<T>): Promise<T>
}

/** What libuv makes of the variable (`atoi`, at least 1, at most 1024), which it reads once; `sallyport` sets it (src/main.ts). */
export function threadsOf(setting = '4'): number {
  return Math.min(1024, Math.max(1, Number.parseInt(setting, 10) || 1))
}

const threads = threadsOf(process.env['UV_THREADPOOL_SIZE'])
/**
 * A mount that hangs holds up those who use it, and neither other integrations nor the log: one integration has two turns
 * beside another's two, and one thread in four is nobody's here.
 */
const turns = { places: Math.max(1, threads - Math.ceil(threads / 4)), perOwner: 2 }

/** `progress` is told of the first turn. */
export function createDisks(): (integration: string, hangup: Hangup, progress: Progress) => Disk {
  const queue = createFairQueue(turns)
  const files = createFairQueue({ places: Number.POSITIVE_INFINITY, perOwner: 1 })
  return (integration, hangup, progress) => ({
    do: (calls) => queue.run(integration, calls),
    begin(calls) {
      const work = () => {
        progress.started()
        return calls()
      }
      return queue.run(integration, work, hangup)
    },
    async alone(folder, name, calls) {
      const { dev, ino } = await queue.run(integration, () => folder.stat({ bigint: true }), hangup)
      return files.run(`${dev}:${ino}/${name}`, () => queue.run(integration, calls, hangup), hangup)
    },
  })
}
