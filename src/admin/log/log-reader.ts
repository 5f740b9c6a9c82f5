/** The gateway's side of the processes that read its log: started by the first question, and again where one has ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import type { Answer, Events, FromProcess, Question, StreamJob, ToProcess } from './process-messages.ts'

const processFile = join(import.meta.dirname, 'log-process.ts')
const settings = ['--no-warnings', '--max-old-space-size=256', '--max-semi-space-size=4']

export interface Taker {
  /** The next ones come only after `more`. */
  events(events: Events): void
  /** The process has ended, or cannot go on. Nothing more comes. */
  failed(problem: string): void
}

export interface Running {
  more(): void
  /** Nothing more comes; later calls do nothing. */
  end(): void
}

export interface LogReader {
  stream(job: StreamJob, taker: Taker): Running
  /** Rejects with what is wrong with the log, or where the process has ended. */
  ask(question: Question): Promise<Answer>
  /** Whatever it does: who still waits is told that it has failed. The next question starts another. */
  kill(): void
  /** The same, and nothing is told any more. */
  close(): void
}

interface Waiting extends Taker {
  answered(answer: Answer): void
}

export interface LogPlaces {
  readonly folder: string
  /** Where the index of the log is kept. */
  readonly indexFolder: string
  /** Where retention moves bundles to; `null`: nowhere. */
  readonly archive: string | null
}

export function createLogReader({ folder, indexFolder, archive }: LogPlaces): LogReader {
  const takers = new Map<number, Waiting>()
  let child: ChildProcess | null = null
  let nextId = 0

  function started(): ChildProcess {
    const { LD_LIBRARY_PATH } = process.env
    const cache = getCompileCacheDir()
    const begun = spawn(process.execPath, [...settings, processFile, folder, indexFolder, archive ?? ''], {
      cwd: import.meta.dirname,
      env: { ...(LD_LIBRARY_PATH && { LD_LIBRARY_PATH }), ...(cache && { NODE_COMPILE_CACHE: dirname(cache) }) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const kill = () => void begun.kill('SIGKILL')
    const ended = () => {
      process.off('exit', kill)
      if (child === begun) child = null
      failAll('the process that reads the log has ended')
    }
    process.once('exit', kill)
    begun.on('error', ended)
    begun.once('exit', ended)
    begun.on('message', take)
    // The gateway does not stay for it.
    begun.unref()
    begun.channel?.unref()
    return begun
  }

  function failAll(problem: string): void {
    const left = [...takers.values()]
    takers.clear()
    for (const taker of left) taker.failed(problem)
  }

  function take(message: FromProcess): void {
    const taker = takers.get(message.id)
    if (!('events' in message)) takers.delete(message.id)
    if ('events' in message) taker?.events(message.events)
    else if ('answer' in message) taker?.answered(message.answer)
    else taker?.failed(message.failed)
  }

  /** What cannot be sent is noticed by the end of the process. */
  function send(message: ToProcess): void {
    if (child?.connected === true) child.send(message, () => {})
  }

  function start(job: StreamJob | Question, waiting: Waiting): number {
    const id = nextId++
    takers.set(id, waiting)
    child ??= started()
    send({ id, job })
    return id
  }

  return {
    stream(job, taker) {
      const id = start(job, { ...taker, answered: () => {} })
      return {
        more: () => send({ id, more: true }),
        end() {
          if (takers.delete(id)) send({ id, end: true })
        },
      }
    },
    ask: (question) =>
      new Promise((resolve, reject) => {
        start(question, { answered: resolve, events: () => {}, failed: (problem) => reject(new Error(problem)) })
      }),
    kill: () => void child?.kill('SIGKILL'),
    close() {
      const ending = child
      child = null
      takers.clear()
      ending?.kill('SIGKILL')
    },
  }
}
