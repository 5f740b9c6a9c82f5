/** Asks OPA's SDK in a process of its own, which starts with the first question, is ended where it does not answer in time, and ends once it is idle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import type { Question, SdkAnswer } from './evaluation.ts'

export interface PolicyToAsk {
  /** Hash of all that it was built from: of the same, `builtins` are the same. */
  readonly sourceHash: string
  /** As the compiler made it. */
  readonly wasm: Uint8Array
  /** Functions that it asks of its host. */
  readonly builtins: readonly string[]
  readonly maxPages: number
}

export interface Asked {
  readonly policy: PolicyToAsk
  /** JSON. */
  readonly data: string
  readonly questions: readonly Question[]
}

/** One message to the process; what it has already is left out. */
export interface Job {
  readonly policy?: PolicyToAsk
  readonly data?: string
  readonly questions: readonly Question[]
  /** For one question. */
  readonly maxMs: number
}

export interface Sdk {
  /** It will be asked soon. */
  start(): void
  /** One after the other; an answer to each question, in their order. Never rejects. */
  ask(asked: Asked): Promise<readonly SdkAnswer[]>
  /** `undefined`: none runs. */
  pid(): number | undefined
  close(): void
}

export interface SdkOptions {
  /** For one question. */
  readonly maxQuestionMs?: number
  /** For all questions of one `ask`, the start of the process included. */
  readonly maxMs?: number
  readonly idleMs?: number
}

const processFile = join(import.meta.dirname, 'sdk-process.ts')
/** It lives for seconds: what is compiled twice, the second time for speed, costs more than it gives back. */
const settings = ['--no-warnings', '--liftoff-only', '--wasm-lazy-validation', '--max-old-space-size=128', '--max-semi-space-size=2']
/** What does not start, or dies, is not started for each question again. */
const pauseMs = 10_000

interface Running {
  readonly child: ChildProcess
  policy: PolicyToAsk | null
  data: string | null
}

export function createSdk({ maxQuestionMs = 500, maxMs = 2000, idleMs = 10_000 }: SdkOptions = {}): Sdk {
  let running: Running | null = null
  let notBefore = 0
  let closed = false
  let last: Promise<unknown> = Promise.resolve()
  let idle: NodeJS.Timeout | undefined

  function begin(): Running | null {
    clearTimeout(idle)
    if (running !== null || closed || performance.now() < notBefore) return running
    try {
      running = spawned()
    } catch {
      // No descriptor is left, or no process.
      notBefore = performance.now() + pauseMs
    }
    return running
  }

  function spawned(): Running {
    const { LD_LIBRARY_PATH } = process.env
    // What was compiled before, as this process has it.
    const cache = getCompileCacheDir()
    const child = spawn(process.execPath, [...settings, processFile], {
      cwd: import.meta.dirname,
      env: { ...(LD_LIBRARY_PATH && { LD_LIBRARY_PATH }), ...(cache && { NODE_COMPILE_CACHE: dirname(cache) }) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    })
    const started: Running = { child, policy: null, data: null }
    const ended = () => {
      process.off('exit', kill)
      if (running !== started) return
      running = null
      notBefore = performance.now() + pauseMs
    }
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.on('error', ended)
    child.once('exit', ended)
    // Nothing waits for it but a question.
    child.unref()
    child.channel?.unref()
    return started
  }

  /** No failure of its own: it may start again at once. */
  function end(): void {
    clearTimeout(idle)
    const ending = running
    running = null
    ending?.child.kill('SIGKILL')
  }

  function rest(): void {
    clearTimeout(idle)
    idle = setTimeout(end, idleMs)
    idle.unref()
  }

  function askNow({ policy, data, questions }: Asked): Promise<readonly SdkAnswer[]> {
    const asked = begin()
    const skippedAll = (skipped: 'unavailable' | 'time') => questions.map(() => ({ skipped }))
    if (asked === null) return Promise.resolve(skippedAll('unavailable'))
    const { child } = asked
    const job: Job = {
      ...(isOther(asked.policy, policy) && { policy }),
      ...(asked.data !== data && { data }),
      questions,
      maxMs: maxQuestionMs,
    }
    Object.assign(asked, { policy, data })
    return new Promise((resolve) => {
      const settle = (answers: readonly SdkAnswer[]) => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', gone)
        child.off('error', gone)
        child.unref()
        child.channel?.unref()
        rest()
        resolve(answers)
      }
      const gone = () => settle(skippedAll('unavailable'))
      const onMessage = (message: unknown) => settle(isAnswers(message, questions.length) ? message : skippedAll('unavailable'))
      const timer = setTimeout(() => {
        end()
        notBefore = performance.now() + pauseMs
        settle(skippedAll('time'))
      }, maxMs)
      child.on('message', onMessage)
      child.once('exit', gone)
      child.once('error', gone)
      child.ref()
      child.channel?.ref()
      child.send(job, (error) => {
        if (error !== null) gone()
      })
    })
  }

  return {
    start() {
      if (begin() !== null) rest()
    },
    ask(asked) {
      const answers = last.then(() => askNow(asked))
      last = answers
      return answers
    },
    pid: () => running?.child.pid,
    close() {
      closed = true
      end()
    },
  }
}

/** It is compiled there once, however often it is prepared. */
function isOther(known: PolicyToAsk | null, policy: PolicyToAsk): boolean {
  return known?.sourceHash !== policy.sourceHash || known.maxPages !== policy.maxPages
}

function isAnswers(message: unknown, count: number): message is readonly SdkAnswer[] {
  return Array.isArray(message) && message.length === count
}
