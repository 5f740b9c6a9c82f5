/** The gateway's side of the processes that read its log: started by the first question, and again where one has ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import type { Events, FromProcess, StreamJob, ToProcess } from './process-messages.ts'

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
  close(): void
}

export function createLogReader(folder: string): LogReader {
  const takers = new Map<number, Taker>()
  let child: ChildProcess | null = null
  let nextId = 0

  function begin(): ChildProcess {
    child ??= started()
    return child
  }

  function started(): ChildProcess {
    const { LD_LIBRARY_PATH } = process.env
    const cache = getCompileCacheDir()
    const begun = spawn(process.execPath, [...settings, processFile, folder], {
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
    if ('events' in message) taker?.events(message.events)
    else {
      takers.delete(message.id)
      taker?.failed(message.failed)
    }
  }

  /** What cannot be sent is noticed by the end of the process. */
  function send(message: ToProcess): void {
    if (child?.connected === true) child.send(message, () => {})
  }

  return {
    stream(job, taker) {
      const id = nextId++
      takers.set(id, taker)
      begin()
      send({ id, job })
      return {
        more: () => send({ id, more: true }),
        end() {
          if (takers.delete(id)) send({ id, end: true })
        },
      }
    },
    close() {
      const ending = child
      child = null
      takers.clear()
      ending?.kill('SIGKILL')
    },
  }
}
