/** Turns for calls of the file system: each call blocks one of libuv's few threads, and the audit log needs one as well. */
import type { FileHandle } from 'node:fs/promises'
import type { Hangup, Progress } from '../../core/index.ts'
import { createFairQueue } from '../../shares/index.ts'

/** The disk as one request uses it; its integration's requests share turns. */
export interface Disk {
  /** Runs calls of the file system, which must not wait for anything else. */
  do<T>(calls: () => Promise<T>): Promise<T>
  /** As `do`; if the caller has left by then, nothing is begun (`client-closed`). */
  begin<T>(calls: () => Promise<T>): Promise<T>
  /** As `begin`, and no other such call for that file runs in this process at the same time. */
  alone<T>(folder: FileHandle, name: string, calls: () => Promise<T>): Promise<T>
}

/** How libuv reads the variable (`atoi`, at least 1, at most 1024), once per process; `sallyport` sets it (src/main.ts). */
export function threadsOf(setting = '4'): number {
  return Math.min(1024, Math.max(1, Number.parseInt(setting, 10) || 1))
}

const threads = threadsOf(process.env['UV_THREADPOOL_SIZE'])
/**
 * A hanging mount delays the integrations that use it, and neither others nor the log: one integration has two turns beside
 * another's two, and one thread in four is never used here.
 */
const turns = { places: Math.max(1, threads - Math.ceil(threads / 4)), perOwner: 2 }

/** Reports the first turn to `progress`. */
export function createDisks(): (integration: string, hangup: Hangup, progress: Progress) => Disk {
  const queue = createFairQueue(turns)
  const files = createFairQueue({ places: Number.POSITIVE_INFINITY, perOwner: 1 })
  return (integration, hangup, progress) => ({
    do: (calls) => queue.run(integration, calls),
    begin(calls) {
      const work = () => {
        progress.started(null)
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
