/** Starts the process that watches, and starts it again whenever it ends; nothing of the path waits for it. */
import { type ChildProcess, fork } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { type BackoffOptions, createBackoff } from '../bundles/index.ts'
import type { Finding, WatchEvent } from '../detect/index.ts'
import type { Slice } from '../watch/index.ts'
import type { Args, FromWatcher, ToWatcher, WatcherSettings, WatcherStatus } from './messages.ts'
import { createOpenQuestions } from './open-questions.ts'

export interface WatcherHandlers {
  readonly onFindings: (findings: readonly Finding[]) => void
  /** The process has ended, and another is started; with the last that it wrote to standard error. */
  readonly onEnd: (how: string, words: string) => void
  /** How long it waits to start another; 0.2 to 30 s where absent. */
  readonly delays?: BackoffOptions
  /** May throw. */
  readonly startProcess?: () => ChildProcess
}

export interface WatcherProcess {
  /** `null` while there is none. */
  readonly pid: number | null
  /** Slices that it has not looked at yet, and flows in them. */
  readonly waiting: { readonly slices: number; readonly flows: number }
  /** The newest that it said of itself; `null` before that. */
  status(): WatcherStatus | null
  /** `false`: there is no process, or it is too far behind, and the slice is not taken. */
  take(slice: Slice): boolean
  /** Dropped where there is no process. */
  event(event: WatchEvent): void
  /** Rejects with an Error that says why there is no answer. */
  ask(question: string, args?: Args): Promise<unknown>
  close(): Promise<void>
}

const processFile = join(import.meta.dirname, 'watcher-process.ts')
const heap = ['--no-warnings', '--max-old-space-size=256', '--max-semi-space-size=2']
const usualDelays = { minMs: 200, maxMs: 30_000 }
/** One that ran for so long is started at once when it ends. */
const healthyMs = 60_000
const closeMs = 2000
const maxWords = 4096
/** What may wait in the channel. */
const maxWaitingSlices = 64
const maxWaitingFlows = 5000

export function startWatcher(settings: WatcherSettings, handlers: WatcherHandlers): WatcherProcess {
  const { onFindings, onEnd, delays = usualDelays, startProcess = forkWatcher } = handlers
  const backoff = createBackoff(delays)
  const questions = createOpenQuestions()
  let child: ChildProcess | null = null
  let timer: NodeJS.Timeout | null = null
  let isClosing = false
  let status: WatcherStatus | null = null
  /** Flows of each slice that it has not looked at. */
  let waiting: number[] = []

  function start(): void {
    const startedAt = performance.now()
    try {
      follow(startProcess(), startedAt)
    } catch (error) {
      // The machine has no room for one now.
      ended(`before it began: ${(error as Error).message}`, '', startedAt)
    }
  }

  function follow(started: ChildProcess, startedAt: number): void {
    let words = ''
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-maxWords)
    })
    child = started
    // Without an id there never was a process, of which nothing else is heard; otherwise a message was not taken, and is lost with it.
    started.on('error', (error) => {
      if (started.pid === undefined) ended(`before it began: ${error.message}`, '', startedAt)
    })
    started.on('message', hear)
    started.once('close', (code, signal) => {
      if (started.pid !== undefined) ended(signal === null ? `with code ${code}` : `by ${signal}`, words, startedAt)
    })
    // The gateway does not stay for it.
    started.unref()
    started.channel?.unref()
    tell({ kind: 'start', settings })
  }

  function ended(how: string, words: string, startedAt: number): void {
    child = null
    waiting = []
    questions.fail('the process that watches has ended, and is started again')
    if (isClosing) return
    if (performance.now() - startedAt > healthyMs) backoff.reset()
    onEnd(how, words)
    timer = setTimeout(start, backoff.next()).unref()
  }

  function hear(message: FromWatcher): void {
    switch (message.kind) {
      case 'took':
        waiting.shift()
        break
      case 'findings':
        onFindings(message.findings)
        break
      case 'answer':
        questions.answer(message.id, message.result, message.problem)
        break
      case 'status':
        status = message.status
    }
  }

  function tell(message: ToWatcher): void {
    if (child?.connected) child.send(message, () => {})
  }

  const flowsWaiting = () => waiting.reduce((sum, flows) => sum + flows, 0)

  start()

  return {
    get pid() {
      return child?.pid ?? null
    },
    get waiting() {
      return { slices: waiting.length, flows: flowsWaiting() }
    },
    status: () => status,
    take(slice) {
      if (!child?.connected || waiting.length >= maxWaitingSlices || flowsWaiting() >= maxWaitingFlows) return false
      waiting.push(slice.flows.length)
      tell({ kind: 'slice', slice })
      return true
    },
    event: (event) => tell({ kind: 'event', event }),
    ask(question, args = {}) {
      if (!child?.connected) return Promise.reject(new Error('the process that watches is being started'))
      return questions.ask((id) => tell({ kind: 'ask', id, question, args }))
    },
    async close() {
      isClosing = true
      if (timer !== null) clearTimeout(timer)
      questions.fail('the gateway is shutting down')
      const ending = child
      if (ending?.pid === undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      ending.once('close', resolve)
      const kill = setTimeout(() => ending.kill('SIGKILL'), closeMs)
      ending.ref()
      tell({ kind: 'close' })
      await promise
      clearTimeout(kill)
    },
  }
}

function forkWatcher(): ChildProcess {
  const cache = module.getCompileCacheDir()
  return fork(processFile, [], {
    execArgv: heap,
    // Ours may have been removed meanwhile.
    cwd: import.meta.dirname,
    // Node gives the folder of its own version inside the folder that was set.
    env: { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
}
