/** The gateway's side of the process that keeps the index current (`audit.index`). */
import { fork } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'

export interface Indexing {
  close(): void
}

export interface IndexingOptions {
  /** Folder of the log, and of its index. */
  readonly log: string
  readonly folder: string
  /** Questions are answered all the same: who asks brings the index up to date. */
  readonly onProblem: (problem: string) => void
  readonly restartMs?: number
}

const processFile = join(import.meta.dirname, 'indexing-process.ts')
const heap = ['--no-warnings', '--max-old-space-size=256', '--max-semi-space-size=4']

export function startIndexing({ log, folder, onProblem, restartMs = 10_000 }: IndexingOptions): Indexing {
  let isClosed = false
  let timer: NodeJS.Timeout | null = null
  let child = start()

  function start() {
    const cache = module.getCompileCacheDir()
    const { LD_LIBRARY_PATH } = process.env
    const started = fork(processFile, [log, folder], {
      execArgv: heap,
      cwd: import.meta.dirname,
      env: { ...(LD_LIBRARY_PATH && { LD_LIBRARY_PATH }), ...(cache && { NODE_COMPILE_CACHE: dirname(cache) }) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    started.on('message', (problem) => onProblem(String(problem)))
    // What cannot be started does not exit.
    started.once('error', (error) => onProblem(error.message))
    started.once('exit', (code, signal) => {
      if (isClosed) return
      onProblem(`its process has ended (${signal ?? code}), and is started again`)
      timer = setTimeout(() => {
        child = start()
      }, restartMs).unref()
    })
    // The gateway does not stay for it.
    started.unref()
    started.channel?.unref()
    return started
  }

  return {
    close() {
      isClosed = true
      if (timer !== null) clearTimeout(timer)
      // A transaction that is not at its end is none.
      child.kill('SIGKILL')
    },
  }
}
