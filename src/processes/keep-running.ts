/** A process of the gateway's own that is started again whenever it ends; the gateway waits for nothing of it. */
import { type ChildProcess, fork } from 'node:child_process'
import module from 'node:module'
import { dirname } from 'node:path'
import { type BackoffOptions, createBackoff } from '../core/index.ts'

export interface KeptOptions<To, From> {
  /** Starts it. May throw. */
  readonly start: () => ChildProcess
  /** What each is told first. */
  readonly first: To
  /** `answer` tells the very process that said it. */
  readonly onMessage: (message: From, answer: (message: To) => void) => void
  /** It has ended, and another is started; with the last that it wrote to standard error. */
  readonly onEnd: (how: string, words: string) => void
  /** How long it waits to start another; 0.2 to 30 s where absent. */
  readonly delays?: BackoffOptions | undefined
}

export interface KeptProcess<To> {
  /** `null` while there is none. */
  readonly pid: number | null
  /** `false`: there is none now, and nothing is told. */
  tell(message: To): boolean
  /** Tells it the last, and waits for its end, which it is brought to when the time is over. */
  close(last: To, withinMs: number): Promise<void>
}

const usualDelays = { minMs: 200, maxMs: 30_000 }
/** One that ran for so long is started at once when it ends. */
const healthyMs = 60_000
const maxWords = 4096

export function keepRunning<To extends object, From>(options: KeptOptions<To, From>): KeptProcess<To> {
  const { start: startProcess, first, onMessage, onEnd, delays = usualDelays } = options
  const backoff = createBackoff(delays)
  let child: ChildProcess | null = null
  let timer: NodeJS.Timeout | null = null
  let isClosing = false

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
    started.on('message', (message: From) => onMessage(message, (answer) => void tell(started, answer)))
    started.once('close', (code, signal) => {
      if (started.pid !== undefined) ended(signal === null ? `with code ${code}` : `by ${signal}`, words, startedAt)
    })
    tell(started, first)
  }

  function ended(how: string, words: string, startedAt: number): void {
    child = null
    if (isClosing) return
    if (performance.now() - startedAt > healthyMs) backoff.reset()
    onEnd(how, words)
    timer = setTimeout(start, backoff.next())
  }

  start()

  return {
    get pid() {
      return child?.pid ?? null
    },
    tell: (message) => child !== null && tell(child, message),
    async close(last, withinMs) {
      isClosing = true
      if (timer !== null) clearTimeout(timer)
      const ending = child
      if (ending?.pid === undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      ending.once('close', resolve)
      const kill = setTimeout(() => ending.kill('SIGKILL'), withinMs)
      tell(ending, last)
      await promise
      clearTimeout(kill)
    },
  }
}

function tell(child: ChildProcess, message: object): boolean {
  if (!child.connected) return false
  child.send(message, () => {})
  return true
}

/** `file` is a module of ours; it is given our environment, and what was compiled before. */
export function forkOwn(file: string, flags: readonly string[] = [], variables: Readonly<Record<string, string>> = {}): ChildProcess {
  const cache = module.getCompileCacheDir()
  return fork(file, [], {
    execArgv: ['--no-warnings', ...flags],
    // Ours may have been removed meanwhile.
    cwd: dirname(file),
    // Node gives the folder of its own version inside the folder that was set.
    env: { ...process.env, ...variables, ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
}
