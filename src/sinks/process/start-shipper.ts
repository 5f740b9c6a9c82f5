/** Starts the process that ships the log, and starts it again whenever it ends; the gateway waits for nothing of it. */
import { type ChildProcess, fork } from 'node:child_process'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { type BackoffOptions, createBackoff } from '../../bundles/index.ts'
import type { Progress, SinkEvent, SinkFact } from '../ship.ts'
import type { ShipperSettings } from '../shipper.ts'
import type { FromShipper, ToShipper } from './messages.ts'

export interface ShipperHandlers {
  readonly onProgress: (sinks: readonly Progress[]) => void
  /** Resolves once the record is durable. */
  readonly note: (event: SinkEvent, facts: SinkFact) => Promise<void>
  readonly onMaskFailure: (sink: string, problem: string) => void
  /** The process has ended, and another is started; with the last that it wrote to standard error. */
  readonly onEnd: (how: string, words: string) => void
  /** How long it waits to start another; 0.2 to 30 s where absent. */
  readonly delays?: BackoffOptions
  /** May throw. */
  readonly startProcess?: () => ChildProcess
}

export interface ShipperProcess {
  /** `null` while there is none. */
  readonly pid: number | null
  reopen(): void
  /** What is below `upTo` is shipped if that can be done within this time. */
  close(upTo: number, withinMs: number): Promise<void>
}

const processFile = join(import.meta.dirname, 'shipper-process.ts')
const usualDelays = { minMs: 200, maxMs: 30_000 }
/** One that ran for so long is started at once when it ends. */
const healthyMs = 60_000
/** Beyond the time in which it ships: it then ends by itself. */
const graceMs = 1000
const maxWords = 4096

export function startShipper(settings: ShipperSettings, handlers: ShipperHandlers): ShipperProcess {
  const { onProgress, note, onMaskFailure, onEnd, delays = usualDelays, startProcess = forkShipper } = handlers
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
    started.on('message', (message: FromShipper) => hear(started, message))
    started.once('close', (code, signal) => {
      if (started.pid !== undefined) ended(signal === null ? `with code ${code}` : `by ${signal}`, words, startedAt)
    })
    tell(started, { kind: 'start', settings })
  }

  function ended(how: string, words: string, startedAt: number): void {
    child = null
    if (isClosing) return
    if (performance.now() - startedAt > healthyMs) backoff.reset()
    onEnd(how, words)
    timer = setTimeout(start, backoff.next())
  }

  function hear(from: ChildProcess, message: FromShipper): void {
    switch (message.kind) {
      case 'progress':
        onProgress(message.sinks)
        break
      case 'mask-failed':
        onMaskFailure(message.sink, message.problem)
        break
      case 'note':
        // Where it cannot be recorded, the sink stands still: what it is about is not passed over.
        note(message.event, message.facts).then(
          () => tell(from, { kind: 'noted', number: message.number, problem: null }),
          (error: Error) => tell(from, { kind: 'noted', number: message.number, problem: error.message }),
        )
    }
  }

  start()

  return {
    get pid() {
      return child?.pid ?? null
    },
    reopen() {
      if (child !== null) tell(child, { kind: 'reopen' })
    },
    async close(upTo, withinMs) {
      isClosing = true
      if (timer !== null) clearTimeout(timer)
      const ending = child
      if (ending?.pid === undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      ending.once('close', resolve)
      const kill = setTimeout(() => ending.kill('SIGKILL'), withinMs + graceMs)
      tell(ending, { kind: 'close', upTo, withinMs })
      await promise
      clearTimeout(kill)
    },
  }
}

function forkShipper(): ChildProcess {
  return fork(processFile, [], {
    execArgv: ['--no-warnings'],
    // Ours may have been removed meanwhile.
    cwd: import.meta.dirname,
    env: environment(),
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
}

function environment(): NodeJS.ProcessEnv {
  const cache = module.getCompileCacheDir()
  // Node gives the folder of its own version inside the folder that was set.
  return { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) }
}

function tell(child: ChildProcess, message: ToShipper): void {
  if (child.connected) child.send(message, () => {})
}
