/** Evaluations on a thread of their own: no request waits for a slow one. The thread starts with the first evaluation. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Integration } from '../core/index.ts'
import type { FailureKind } from '../opa/index.ts'
import type { HostCall } from '../reference/index.ts'

/** What evaluates there from now on. */
export interface ThreadPolicy {
  /** Fit to run (`harden`). */
  readonly module: WebAssembly.Module
  /** `own`: of the manifests each evaluation sees its caller's alone, beside `data`. JSON text. */
  readonly documents: { readonly kind: 'own' | 'whole'; readonly data: string }
  readonly maxMemoryPages: number
  readonly maxEvaluationMs: number
  /** OPA's library of functions, where it was loaded. */
  readonly library: WebAssembly.Module | null
}

export interface ThreadQuestion {
  readonly entrypoint: string
  /** Whose manifest is seen where the documents are `own`. */
  readonly integration: Integration | undefined
  /** JSON; `null` for none. */
  readonly input: string | null
  readonly atMs: number
  /** As in `Evaluator`. */
  readonly unread: readonly string[]
  /** The answer also holds the calls that it made of its host. */
  readonly isObserved: boolean
}

/** A result set's text, why there is none, or that it depends on what is not known (`part`: of the input; else whose answer). */
export type ThreadAnswer =
  | { readonly text: string; readonly calls: readonly HostCall[] | null }
  | { readonly failed: FailureKind; readonly message: string; readonly calls: readonly HostCall[] | null }
  | { readonly lacks: 'part' | 'http.send' | 'net.lookup_ip_addr' }

/** To the thread; an integration is sent once, and named by its number afterwards. */
export type ThreadMessage =
  | { readonly load: ThreadPolicy }
  | {
      readonly integrations: readonly (readonly [number, Integration])[]
      readonly questions: readonly (Omit<ThreadQuestion, 'integration'> & { readonly number: number | null })[]
    }

export interface EvaluationThread {
  /** What is asked from now on is asked of this; what was asked before still is of the one before. */
  load(policy: ThreadPolicy): void
  /** `null`: the thread has ended before it answered. */
  evaluate(question: ThreadQuestion): Promise<ThreadAnswer | null>
  close(): Promise<void>
}

const workerFile = join(import.meta.dirname, 'evaluation-worker.ts')
/** Of JavaScript's heap there; a policy's memory is apart, and bounded by its own limits. */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4 }
/** What ends is not started for each question again. */
const pauseMs = 10_000

interface Running {
  readonly worker: Worker
  readonly numbers: Map<Integration, number>
  /** Of what was asked, in its order. */
  readonly waiting: ((answer: ThreadAnswer | null) => void)[]
}

/** `onFailed`: it ended by itself, with all that waited for an answer. */
export function createEvaluationThread(onFailed: (error: Error) => void = () => {}): EvaluationThread {
  let policy: ThreadPolicy | null = null
  let running: Running | null = null
  let notBefore = 0
  let outgoing: { readonly question: ThreadQuestion; readonly resolve: (answer: ThreadAnswer | null) => void }[] = []

  function start(): Running | null {
    if (running !== null || policy === null || performance.now() < notBefore) return running
    const worker = new Worker(workerFile, { env: {}, resourceLimits, execArgv: ['--no-warnings'] })
    const started: Running = { worker, numbers: new Map(), waiting: [] }
    const ended = () => {
      if (running === started) running = null
      notBefore = performance.now() + pauseMs
      for (const resolve of started.waiting.splice(0)) resolve(null)
    }
    worker.on('message', (answers: readonly ThreadAnswer[]) => {
      for (const answer of answers) started.waiting.shift()?.(answer)
      // Nothing waits for it but a question.
      if (started.waiting.length === 0) worker.unref()
    })
    worker.on('error', (error) => {
      ended()
      onFailed(error instanceof Error ? error : new Error(String(error)))
    })
    worker.on('exit', ended)
    worker.unref()
    running = started
    send(started, { load: policy })
    return started
  }

  function send({ worker }: Running, message: ThreadMessage): void {
    worker.postMessage(message)
  }

  /** All of a turn of the event loop in one message. */
  function flush(): void {
    const asked = outgoing
    outgoing = []
    const thread = asked.length === 0 ? null : start()
    if (thread === null) {
      for (const { resolve } of asked) resolve(null)
      return
    }
    const integrations: [number, Integration][] = []
    const questions = asked.map(({ question: { integration, ...question }, resolve }) => {
      thread.waiting.push(resolve)
      return { ...question, number: integration === undefined ? null : numberOf(thread, integration, integrations) }
    })
    thread.worker.ref()
    send(thread, { integrations, questions })
  }

  function numberOf({ numbers }: Running, integration: Integration, added: [number, Integration][]): number {
    let number = numbers.get(integration)
    if (number === undefined) {
      number = numbers.size
      numbers.set(integration, number)
      added.push([number, integration])
    }
    return number
  }

  return {
    load(next) {
      flush()
      policy = next
      if (running === null) return
      // It keeps those of what is loaded alone.
      running.numbers.clear()
      send(running, { load: next })
    },
    evaluate: (question) =>
      new Promise((resolve) => {
        if (outgoing.length === 0) setImmediate(flush)
        outgoing.push({ question, resolve })
      }),
    async close() {
      policy = null
      await running?.worker.terminate()
    },
  }
}
