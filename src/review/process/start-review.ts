/** Starts a scheduled review in a process of its own, which takes all that it loads with it; the gateway waits for nothing of it. */
import { fork } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import type { RunResult, RunSettings } from '../scheduled.ts'
import type { FromReview, ToReview } from './messages.ts'

export interface ReviewRun {
  /** Rejects where the review failed or its process ended. */
  readonly done: Promise<{ readonly waiting: number; readonly problem: string | null }>
  /** Ends it at once; nothing that it kept is lost. */
  kill(): void
}

const processFile = join(import.meta.dirname, 'review-process.ts')
const maxWords = 4096

/** `record` resolves once all of the result is durable in the log. */
export function startReview(settings: RunSettings, record: (result: RunResult) => Promise<void>): ReviewRun {
  const cache = module.getCompileCacheDir()
  const child = fork(processFile, [], {
    execArgv: ['--no-warnings'],
    // Ours may have been removed meanwhile.
    cwd: import.meta.dirname,
    // Node gives the folder of its own version inside the folder that was set.
    env: { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const { promise: done, resolve, reject } = Promise.withResolvers<Awaited<ReviewRun['done']>>()
  const tell = (message: ToReview) => {
    if (child.connected) child.send(message, () => {})
  }
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-maxWords)
  })
  child.on('message', (message: FromReview) => {
    if (message.kind === 'done') resolve(message)
    else if (message.kind === 'failed') reject(new Error(message.problem))
    else record(message.result).then(() => tell({ kind: 'recorded' }), stop)
  })
  child.on('error', reject)
  child.on('close', (code, signal) =>
    reject(new Error(`its process ended ${signal === null ? `with code ${code}` : `by ${signal}`}: ${words}`)),
  )
  tell({ kind: 'run', settings })

  function stop(error: unknown): void {
    reject(error)
    child.kill('SIGKILL')
  }

  return { done, kill: () => void child.kill('SIGKILL') }
}
